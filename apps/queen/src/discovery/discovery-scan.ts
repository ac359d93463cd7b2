import { filter, from, fromEvent, lastValueFrom, map, merge, mergeMap, type Observable, takeUntil } from 'rxjs';

import { urlHost } from '#service-kit';

import type { DiscoveryReport } from './discovery-report.js';
import { type HostAddresses, isNumeric } from './host-addresses.js';
import type { HostAsker } from './host-asker.js';
import { ASKED_AT_ONCE_MAX, LOOKUPS_AT_ONCE_MAX } from './limits.js';
import { OwnMachine } from './own-machine.js';
import type { ScanTarget } from './scan-targets.js';

/** A host whose turn it is to be asked, at the first of these URLs that answers. */
interface Located {
  readonly alias: string;
  readonly urls: readonly string[];
}

/** One look at all hosts: finds their addresses, drops what is there twice, asks the rest. */
export class DiscoveryScan {
  private readonly ownMachine = new OwnMachine();
  /** Who is asked at a URL. */
  private readonly askedBy = new Map<string, string>();

  constructor(
    private readonly report: DiscoveryReport,
    private readonly addresses: HostAddresses,
    private readonly asker: HostAsker,
    private readonly signal: AbortSignal,
  ) {}

  /** Resolves when every host was looked at, or at once when the signal fires. */
  async run(targets: readonly ScanTarget[]): Promise<void> {
    const dialable = inOrderOfPromise(targets, this.report).filter((target) => this.isDialable(target));
    const numeric = dialable.filter(({ hostName }) => isNumeric(hostName));
    const named = dialable.filter(({ hostName }) => !isNumeric(hostName));
    // A host is asked as soon as it is located: names that take long to look up hold up nobody but each other.
    const located = merge(this.locate(numeric), this.locate(named, LOOKUPS_AT_ONCE_MAX));
    const asked = located.pipe(mergeMap((host) => this.ask(host), ASKED_AT_ONCE_MAX));
    await lastValueFrom(asked.pipe(takeUntil(fromEvent(this.signal, 'abort'))), { defaultValue: undefined });
  }

  private isDialable({ alias, ignored, fault }: ScanTarget): boolean {
    if (!ignored && fault === undefined) return true;
    const outcome = ignored ? 'ignored' : 'refused';
    this.report.note(alias, { ...NOWHERE, outcome, detail: ignored ? null : (fault ?? null) });
    return false;
  }

  private locate(targets: readonly ScanTarget[], atOnce = Infinity): Observable<Located> {
    return from(targets).pipe(
      mergeMap(async (target) => ({ target, resolution: await this.addresses.resolve(target.hostName) }), atOnce),
      map(({ target, resolution }) => {
        if (resolution.kind === 'found') return this.claim(target, this.ownMachine.dialled(resolution.addresses));
        this.report.note(target.alias, { ...NOWHERE, outcome: 'unresolvable', detail: resolution.reason });
        return undefined;
      }),
      filter((host) => host !== undefined),
    );
  }

  /** The first host at an address and port is asked, for all of them. */
  private claim({ alias, port }: ScanTarget, addresses: readonly string[]): Located | undefined {
    const urls = addresses.map((address) => new URL(`http://${urlHost(address)}:${port}`).origin);
    const [address = '', url = ''] = [addresses[0], urls[0]];
    const sameAs = this.askedBy.get(url);
    if (sameAs !== undefined) {
      this.report.note(alias, { ...NOWHERE, address, url, same_as: sameAs, outcome: 'duplicate', detail: null });
      return undefined;
    }
    this.askedBy.set(url, alias);
    this.report.locate(alias, address, url);
    return { alias, urls };
  }

  private async ask({ alias, urls }: Located): Promise<void> {
    const finding = await this.asker.ask(urls, this.signal);
    if (!this.signal.aborted) this.report.note(alias, finding);
  }
}

/** What is known of a host that is not asked. */
const NOWHERE = { address: null, url: null, same_as: null, hive_id: null, tried_at: null, took_ms: null };

/** Hosts that did not answer the last time come last, so that a new one is found without waiting for them. */
function inOrderOfPromise(targets: readonly ScanTarget[], report: DiscoveryReport): readonly ScanTarget[] {
  const inVain = new Set(targets.filter(({ alias }) => report.wasInVain(alias)));
  return [...targets.filter((target) => !inVain.has(target)), ...inVain];
}
