import { appendFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { TempTree } from '#testing';

import { KmsgXid } from './kmsg-xid.js';

const A = '00000000:0A:00.0';
const LOG = [
  '6,1,100,-;Linux version 6.8',
  '4,2,200,-;NVRM: Xid (PCI:0000:0a:00): 13, pid=77, Graphics Exception',
  '4,3,300,-;NVRM: Xid (PCI:0000:0b:00): 63, pid=<unknown>, Row Remapper',
  ' SUBSYSTEM=pci',
  '4,4,400,-;NVRM: Xid (0001:0c:00): 31, an old wording',
  '',
].join('\n');

describe('KmsgXid', () => {
  it('tells the last Xid of each card, and those that come while it looks', () => {
    using tree = new TempTree({ kmsg: LOG });
    using xids = new KmsgXid(join(tree.root, 'kmsg'));
    expect([...xids.read()]).toEqual([
      [A, 13],
      ['00000000:0B:00.0', 63],
      ['00000001:0C:00.0', 31],
    ]);
    appendFileSync(join(tree.root, 'kmsg'), '4,5,500,-;NVRM: Xid (PCI:0000:0a:00): 7');
    expect(xids.read().get(A)).toBe(13);
    appendFileSync(join(tree.root, 'kmsg'), '9, pid=1, GPU has fallen off the bus.\n');
    expect(xids.read().get(A)).toBe(79);
  });

  it('tells nothing where the log is missing', () => {
    using xids = new KmsgXid('/nonexistent/kmsg');
    expect(xids.read().size).toBe(0);
  });

  it('does not wait at the end of the log of this machine', () => {
    using xids = new KmsgXid('/dev/kmsg');
    expect(xids.read()).toBeInstanceOf(Map);
  });

  it('catches up with a long log over several looks', () => {
    const line = `6,1,1,-;${'x'.repeat(8_000)}\n`;
    using tree = new TempTree({ kmsg: line.repeat(600) + LOG });
    using xids = new KmsgXid(join(tree.root, 'kmsg'));
    expect(xids.read().size).toBe(0);
    expect(xids.read().get(A)).toBe(13);
  });
});
