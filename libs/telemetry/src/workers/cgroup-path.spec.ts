import { describe, expect, it } from '@jest/globals';

import { parseCgroupPlace } from './cgroup-path.js';

const ID = '3f2a9c5d7e1b4086a2c4e6f8091b3d5f7a9c1e3052746891bcdef01234567890';
const SHORT = '3f2a9c5d7e1b';
const POD = '8b9f2c1e-4d5a-4f6b-9c7d-1e2f3a4b5c6d';
const POD_ = POD.replaceAll('-', '_');

/** The forms as each runtime's documentation or source has them; the ids are made. */
const CONTAINERS: readonly (readonly [
  source: string,
  text: string,
  runtime: string,
  id: string,
  pod: string | null,
])[] = [
  ['docker, systemd driver', `0::/system.slice/docker-${ID}.scope`, 'docker', SHORT, null],
  ['docker, cgroupfs driver', `0::/docker/${ID}`, 'docker', SHORT, null],
  ['docker, cgroup v1', `12:pids:/docker/${ID}\n1:name=systemd:/docker/${ID}\n0::/`, 'docker', SHORT, null],
  [
    'docker, rootless',
    `0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-${ID}.scope`,
    'docker',
    SHORT,
    null,
  ],
  ['docker, below another', `0::/docker/${ID}/docker/${ID}`, 'docker', SHORT, null],
  ['podman, rootful', `0::/machine.slice/libpod-${ID}.scope/container`, 'podman', SHORT, null],
  [
    'podman, rootless',
    `0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope/container`,
    'podman',
    SHORT,
    null,
  ],
  ['podman, cgroupfs driver', `0::/libpod_parent/libpod-${ID}`, 'podman', SHORT, null],
  ['podman, in a unit of its own', `0::/system.slice/vllm.service/libpod-payload-${ID}`, 'podman', SHORT, null],
  [
    'kubelet with systemd, containerd',
    `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${POD_}.slice/cri-containerd-${ID}.scope`,
    'containerd',
    SHORT,
    POD,
  ],
  [
    'kubelet with systemd, guaranteed',
    `0::/kubepods.slice/kubepods-pod${POD_}.slice/cri-containerd-${ID}.scope`,
    'containerd',
    SHORT,
    POD,
  ],
  [
    'kind: the kubelet in a container',
    `0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${POD_}.slice/cri-containerd-${ID}.scope`,
    'containerd',
    SHORT,
    POD,
  ],
  [
    'containerd that was told the wrong driver',
    `0::/system.slice/containerd.service/kubepods-burstable-pod${POD_}.slice:cri-containerd:${ID}`,
    'containerd',
    SHORT,
    POD,
  ],
  [
    'kubelet with systemd, CRI-O',
    `0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${POD_}.slice/crio-${ID}.scope/container`,
    'cri-o',
    SHORT,
    POD,
  ],
  ['kubelet with cgroupfs', `0::/kubepods/burstable/pod${POD}/${ID}`, 'kubernetes', SHORT, POD],
  ['kubelet with cgroupfs, guaranteed, v1', `4:memory:/kubepods/pod${POD}/${ID}`, 'kubernetes', SHORT, POD],
  ['kubelet with cgroupfs, CRI-O', `0::/kubepods/besteffort/pod${POD}/crio-${ID}`, 'cri-o', SHORT, POD],
  ['nerdctl', `0::/system.slice/nerdctl-${ID}.scope`, 'containerd', SHORT, null],
  ['ECS', `0::/ecs/0123456789abcdef0123456789abcdef/${ID}`, 'ecs', SHORT, null],
  ['LXC 4 and later, Incus', '0::/lxc.payload.gpu-box/system.slice/vllm.service', 'lxc', 'gpu-box', null],
  ['LXC before', '4:memory:/lxc/gpu-box', 'lxc', 'gpu-box', null],
  ['Proxmox', '0::/lxc/101/ns/system.slice', 'lxc', '101', null],
  ['nspawn', '0::/machine.slice/systemd-nspawn@box.service/payload', 'systemd-nspawn', 'box', null],
  ['seen from another cgroup namespace', `0::/../docker-${ID}.scope`, 'docker', SHORT, null],
];

describe('parseCgroupPlace', () => {
  it.each(CONTAINERS)('names the container of %s', (_, text, runtime, id, pod_uid) => {
    const place = parseCgroupPlace(`${text}\n`);
    expect(place).toMatchObject({ container: { runtime, id, pod_uid }, unit: null });
  });

  it.each([
    ['0::/system.slice/ollama.service', 'ollama.service'],
    ['0::/system.slice/system-vllm.slice/vllm@8000.service', 'vllm@8000.service'],
    ['0::/user.slice/user-1000.slice/user@1000.service/app.slice/llama.service', 'llama.service'],
    ['0::/system.slice/run-u42.scope', 'run-u42.scope'],
    ['1:name=systemd:/system.slice/ollama.service\n0::/', 'ollama.service'],
    ['0::/system.slice/snap.ollama.listener.service', 'snap.ollama.listener.service'],
  ])('names the unit of %s', (text, unit) => {
    expect(parseCgroupPlace(text)).toMatchObject({ container: null, unit });
  });

  it.each([
    '0::/user.slice/user-1000.slice/session-3.scope',
    '0::/user.slice/user-1000.slice/user@1000.service/app.slice/vte-spawn-1b2c.scope',
    '0::/user.slice/user-1000.slice/user@1000.service/tmux-spawn-1b2c.scope',
    '0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice',
    '0::/system.slice/ssh.service',
    '0::/system.slice/containerd.service',
    '0::/init.scope',
    '0::/machine.slice/machine-qemu\\x2d1\\x2dvm.scope',
    `0::/machine.slice/libpod-conmon-${ID}.scope`,
    '0::/lxc.monitor.gpu-box',
    '0::/some/folder',
  ])('takes %s for no container', (text) => {
    expect(parseCgroupPlace(text).container).toBeNull();
  });

  it('takes a login for no unit', () => {
    for (const path of ['user.slice/user-1000.slice/session-3.scope', 'system.slice/ssh.service', 'init.scope']) {
      expect(parseCgroupPlace(`0::/${path}\n`)).toEqual({ path, container: null, unit: null });
    }
  });

  it('has no path at the root, and none of what is no such text', () => {
    for (const text of ['', '0::/\n', '1:cpu:/\n0::/\n', 'x', '0:/a']) {
      expect(parseCgroupPlace(text)).toEqual({ path: null, container: null, unit: null });
    }
  });

  it('clips what is too long', () => {
    expect(parseCgroupPlace(`0::/${'a/'.repeat(5000)}`).path).toHaveLength(1024);
  });
});
