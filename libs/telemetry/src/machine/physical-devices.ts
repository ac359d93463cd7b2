import { existsSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Picks the devices that are hardware, so that a byte is not counted again where it passes a bridge, a bond or a
 * device mapper: those with a `device` link in `{sysRoot}/class/…`. Where none has one, as in a container that sees
 * only its end of a virtual cable, `plausible` decides by name.
 */
export class PhysicalDevices {
  private seen = '';
  private physical: ReadonlySet<string> = new Set();

  constructor(
    private readonly folder: string,
    private readonly plausible: RegExp,
  ) {}

  /** Looks at the file system again only when the names have changed. */
  of(names: readonly string[]): ReadonlySet<string> {
    const seen = names.join('\n');
    if (seen !== this.seen) {
      const hardware = names.filter((name) => existsSync(join(this.folder, name, 'device')));
      this.physical = new Set(hardware.length > 0 ? hardware : names.filter((name) => this.plausible.test(name)));
      this.seen = seen;
    }
    return this.physical;
  }
}
