import type { ContainerReading } from '#contracts';

import { clip } from '../clip.js';

/** Where a process runs, by the paths of its cgroups. */
export interface CgroupPlace {
  /** Below the root, without a slash in front; `null` at the root itself. */
  readonly path: string | null;
  readonly container: ContainerReading | null;
  /** A systemd service or scope that is not just someone's login or what starts other people's programs. */
  readonly unit: string | null;
}

/** The place of a process of which nothing can be read. */
export const NO_PLACE: CgroupPlace = { path: null, container: null, unit: null };

const PATH_LENGTH_MAX = 1024;
/** How many characters of a container's 64 everyone shows. */
const SHORT_ID = 12;

/** How each runtime names the cgroup of a container, as one part of the path or two. First match wins. */
const FORMS: readonly (readonly [runtime: string, form: RegExp])[] = [
  ['docker', /(?:^|\/)docker-([0-9a-f]{64})\.scope(?:\/|$)/],
  ['docker', /(?:^|\/)docker\/([0-9a-f]{64})(?:\/|$)/],
  ['podman', /(?:^|\/)libpod-(?:payload-)?([0-9a-f]{64})(?:\.scope)?(?:\/|$)/],
  ['containerd', /(?:^|[/:])(?:cri-containerd|nerdctl)[-:]([0-9a-f]{64})(?:\.scope)?(?:\/|$)/],
  ['cri-o', /(?:^|[/:])crio[-:]([0-9a-f]{64})(?:\.scope)?(?:\/|$)/],
  ['ecs', /(?:^|\/)ecs\/(?:[^/]+\/)+([0-9a-f]{64}|[0-9a-f]{32}-\d+)(?:\/|$)/],
  ['kubernetes', /(?:^|\/)kubepods(?:\/[a-z]+)?\/pod[0-9a-f-]+\/([0-9a-f]{64})(?:\/|$)/],
  ['lxc', /(?:^|\/)(?:lxc\/|lxc\.payload[./])([^/]+)(?:\/|$)/],
  ['systemd-nspawn', /(?:^|\/)machine\.slice\/systemd-nspawn@([^/]+)\.service(?:\/|$)/],
  ['systemd-nspawn', /(?:^|\/)machine\.slice\/machine-(?!qemu|lxc)([^/]+)\.scope(?:\/|$)/],
];
/** `pod1234_5678.slice` by systemd, `pod1234-5678` by the kubelet itself. */
const POD = /(?:^|\/)(?:[a-z-]*kubepods[a-z-]*-)?pod([0-9a-f]{8}[-_][0-9a-f_-]+|[0-9a-f]{32})(?:\.slice)?(?:[/:]|$)/;

const UNIT = /(?:^|\/)([^/]+\.(?:service|scope))(?:\/|$)/g;
/** Logins, terminals, and services under which anybody's programs run. */
const NOT_OF_ONE_PROGRAM =
  /^(session-|user@|init\.scope|(vte|tmux|kitty|gnome-terminal)\S*-?spawn|app-\S*(terminal|konsole|console|code)|sshd?[@.]|cron|atd|getty@|serial-getty@|containerd\.|docker\.|supervisor|crond)/i;

/** Reads `/proc/{pid}/cgroup`, of version 2, 1, or both at once. */
export function parseCgroupPlace(text: string): CgroupPlace {
  const paths = [...text.matchAll(/^\d+:([^:\n]*):\/(.*)$/gm)].map(([, controllers = '', path = '']) => ({
    isV2: controllers === '',
    path,
  }));
  const container = paths.map(({ path }) => containerOf(path)).find((found) => found !== null) ?? null;
  // Where both versions are mounted, most things stay in the root of the second.
  const own = paths.find(({ isV2, path }) => isV2 && path !== '') ?? paths.find(({ path }) => path !== '');
  const unit = own === undefined || container !== null ? null : unitOf(own.path);
  return { path: own === undefined ? null : clip(own.path, PATH_LENGTH_MAX), container, unit };
}

function containerOf(path: string): ContainerReading | null {
  for (const [runtime, form] of FORMS) {
    const id = form.exec(path)?.[1];
    if (id === undefined) continue;
    return { runtime, id: clip(/^[0-9a-f]{64}$/.test(id) ? id.slice(0, SHORT_ID) : id), pod_uid: podOf(path) };
  }
  return null;
}

function podOf(path: string): string | null {
  return POD.exec(path)?.[1]?.replaceAll('_', '-') ?? null;
}

function unitOf(path: string): string | null {
  const unit = [...path.matchAll(UNIT)].at(-1)?.[1];
  return unit === undefined || NOT_OF_ONE_PROGRAM.test(unit) ? null : clip(unit);
}
