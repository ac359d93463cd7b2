import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

import { TempTree } from './temp-tree.js';

/** What the files of a made process say of it. */
export interface FakeProcess {
  readonly parent?: number;
  /** One letter, as in `/proc/{pid}/stat`. */
  readonly state?: string;
  readonly name?: string;
  readonly ticks?: number;
  readonly startTicks?: number;
  readonly isKernelThread?: boolean;
  /** Blanks stand between the words; undefined makes it unreadable. */
  readonly command?: string | undefined;
  /** A path of cgroup version 2. */
  readonly cgroup?: string;
  readonly cwd?: string;
  /** Changes with each program that the process runs. */
  readonly stack?: number;
}

/** `PF_KTHREAD` among the flags of a process (linux/sched.h). */
const KERNEL_THREAD = 0x0020_0000;

/** A made `/proc` and cgroup root, of a machine that has been up for 1000 s. */
export class FakeMachine implements Disposable {
  readonly tree = new TempTree({
    'cgroup/cgroup.controllers': 'cpu memory io\n',
    'proc/uptime': '1000.00 1.00\n',
    'proc/self/net/tcp': '',
  });
  readonly procRoot = join(this.tree.root, 'proc');
  readonly cgroupRoot = join(this.tree.root, 'cgroup');

  /** Starts a process, or changes it. */
  run(pid: number, process: FakeProcess = {}): void {
    const { parent = 1, state = 'S', name = 'x', ticks = 0, startTicks = 50_000, stack = 3 } = process;
    const flags = process.isKernelThread === true ? KERNEL_THREAD : 0;
    const numbers = [
      parent,
      1,
      1,
      0,
      -1,
      flags,
      0,
      0,
      0,
      0,
      ticks,
      0,
      0,
      0,
      20,
      0,
      1,
      0,
      startTicks,
      0,
      0,
      0,
      1,
      2,
      stack,
    ];
    this.tree.write({ [`proc/${pid}/stat`]: `${pid} (${name}) ${state} ${numbers.join(' ')}\n` });
    const words = 'command' in process ? process.command : '';
    if (words === undefined) this.tree.remove(`proc/${pid}/cmdline`);
    else this.tree.write({ [`proc/${pid}/cmdline`]: words.replaceAll(' ', '\0') + '\0' });
    if (process.cgroup !== undefined) this.tree.write({ [`proc/${pid}/cgroup`]: `0::${process.cgroup}\n` });
    if (process.cwd !== undefined) this.link(`proc/${pid}/cwd`, process.cwd);
  }

  end(pid: number): void {
    this.tree.remove(`proc/${pid}`);
  }

  /** Puts processes into a cgroup, by its path below the root. */
  procs(pids: readonly number[], cgroup: string): void {
    this.tree.write({ [`cgroup/${cgroup}/cgroup.procs`]: pids.map((pid) => `${pid}\n`).join('') });
  }

  /** Whatever listens in the network namespace of a process; the inode of each socket is its port. */
  listening(pid: number | 'self', ports: readonly number[], address = '00000000'): void {
    const lines = ports.map((port) => {
      const hex = port.toString(16).toUpperCase().padStart(4, '0');
      return ` 0: ${address}:${hex} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 ${port} 1\n`;
    });
    this.tree.write({ [`proc/${pid}/net/tcp`]: lines.join('') });
  }

  /** The listening sockets that a process holds open, by their ports. */
  holds(pid: number, ports: readonly number[]): void {
    this.tree.write({ [`proc/${pid}/fd/`]: '' });
    for (const port of ports) this.link(`proc/${pid}/fd/${port}`, `socket:[${port}]`);
  }

  link(path: string, target: string): void {
    rmSync(join(this.tree.root, path), { force: true });
    symlinkSync(target, join(this.tree.root, path));
  }

  [Symbol.dispose](): void {
    this.tree[Symbol.dispose]();
  }
}
