import { Injectable } from '@nestjs/common';
import { Subject } from 'rxjs';

import { ApiaryError, limits, type SubscriptionOutcome } from '#contracts';

import type { HiveEndpoint } from '../endpoint/hive-endpoint.js';

/**
 * What happened to the directory. `replaced`: dial afresh. `called`: the same hive asks again to be read. `contested`:
 * somebody at another URL claims the id of a hive that is live.
 */
export type DirectoryChange =
  | { readonly kind: 'added' | 'replaced' | 'called'; readonly endpoint: HiveEndpoint }
  | { readonly kind: 'contested'; readonly hiveId: string; readonly url: string }
  | { readonly kind: 'removed'; readonly hiveId: string };

/** How the subscription to an endpoint fares. */
export interface DialStatus {
  readonly outcome: SubscriptionOutcome;
  /** Why the last dial failed; `null` if it did not. */
  readonly lastError: string | null;
}

/** Hives that may wait for their first dial; a herd beyond that is asked to come back. */
const UNDIALLED_MAX = 2_000;

const UNDIALLED: DialStatus = { outcome: 'connecting', lastError: null };

interface Entry {
  readonly endpoint: HiveEndpoint;
  readonly status: DialStatus;
}

/** Which hives should be connected: the only place that decides who is in the fleet. */
@Injectable()
export class HiveDirectory {
  private readonly entries = new Map<string, Entry>();
  private readonly changes = new Subject<DirectoryChange>();
  private undialled = 0;
  /** Every change, in order. */
  readonly changes$ = this.changes.asObservable();

  /**
   * Takes a hive in, however it was found; says how its subscription stands. The same hive again changes nothing, a
   * restarted or moved one is dialled afresh. Throws `HIVE_CONFLICT` when this id is live at another URL,
   * `QUEEN_BUSY` and `FLEET_FULL`.
   */
  admit(endpoint: HiveEndpoint): DialStatus {
    const known = this.entries.get(endpoint.hiveId);
    if (known === undefined) return this.add(endpoint);
    if (isSameStart(known.endpoint, endpoint)) return this.call(known, endpoint);
    if (known.endpoint.url !== endpoint.url && known.status.outcome === 'live') {
      this.changes.next({ kind: 'contested', hiveId: endpoint.hiveId, url: endpoint.url });
      throw conflict(known.endpoint, endpoint);
    }
    return this.put('replaced', { ...endpoint, devices: endpoint.devices ?? known.endpoint.devices });
  }

  /** Forgets a hive; `false` if it was not known. */
  remove(hiveId: string): boolean {
    const known = this.entries.get(hiveId);
    if (known === undefined) return false;
    if (known.status === UNDIALLED) this.undialled -= 1;
    this.entries.delete(hiveId);
    this.changes.next({ kind: 'removed', hiveId });
    return true;
  }

  /** Notes how the subscription to a hive stands; called by whoever dials. */
  report(hiveId: string, status: DialStatus): void {
    const known = this.entries.get(hiveId);
    if (known !== undefined) this.set(known.endpoint, status);
  }

  /** Every hive, in the order in which they came. */
  endpoints(): readonly HiveEndpoint[] {
    return [...this.entries.values()].map(({ endpoint }) => endpoint);
  }

  /** The hive that is live at this URL, if any. */
  liveAt(url: string): HiveEndpoint | undefined {
    for (const { endpoint, status } of this.entries.values()) {
      if (endpoint.url === url && status.outcome === 'live') return endpoint;
    }
    return undefined;
  }

  private add(endpoint: HiveEndpoint): DialStatus {
    if (this.entries.size >= limits.HIVES_MAX) {
      throw new ApiaryError('FLEET_FULL', `this queen follows ${limits.HIVES_MAX} hives already`);
    }
    // Who was remembered can't be asked to come back later: it says nothing.
    if (endpoint.foundBy !== 'state-file' && this.undialled >= UNDIALLED_MAX) {
      throw new ApiaryError('QUEEN_BUSY', `${UNDIALLED_MAX} hives wait to be dialled already`);
    }
    return this.put('added', endpoint);
  }

  private put(kind: 'added' | 'replaced', endpoint: HiveEndpoint): DialStatus {
    this.set(endpoint, UNDIALLED);
    this.changes.next({ kind, endpoint });
    return UNDIALLED;
  }

  private set(endpoint: HiveEndpoint, status: DialStatus): void {
    if (this.entries.get(endpoint.hiveId)?.status === UNDIALLED) this.undialled -= 1;
    if (status === UNDIALLED) this.undialled += 1;
    this.entries.set(endpoint.hiveId, { endpoint, status });
  }

  /**
   * The same start of the same hive, so both addresses are right, as somebody sees it. The first keeps its place until
   * it has failed: the other may be one that only its own side of a NAT can reach.
   */
  private call(known: Entry, endpoint: HiveEndpoint): DialStatus {
    const devices = endpoint.devices ?? known.endpoint.devices;
    if (known.endpoint.url !== endpoint.url && known.status.lastError !== null) {
      return this.put('replaced', { ...endpoint, devices });
    }
    const foundBy = known.endpoint.foundBy === 'state-file' ? endpoint.foundBy : known.endpoint.foundBy;
    const current = { ...known.endpoint, foundBy, devices };
    this.set(current, known.status);
    this.changes.next({ kind: 'called', endpoint: current });
    return known.status;
  }
}

/** Whether both speak of one start of one hive. Without boot ids the URL has to do. */
function isSameStart(known: HiveEndpoint, other: HiveEndpoint): boolean {
  if (known.bootId !== null && other.bootId !== null) return known.bootId === other.bootId;
  return known.url === other.url;
}

function conflict(known: HiveEndpoint, other: HiveEndpoint): ApiaryError {
  return new ApiaryError('HIVE_CONFLICT', `${known.hiveId} is live at ${known.url}; ${other.url} was refused`);
}
