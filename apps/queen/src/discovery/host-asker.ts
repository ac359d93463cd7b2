import { Inject, Injectable } from '@nestjs/common';

import { type Capabilities, describeError } from '#contracts';
import { Clock } from '#service-kit';

import { HiveDirectory } from '../directory/hive-directory.js';
import { QueenIdentity } from '../identity/queen-identity.js';
import { askHive, type HiveAnswer } from './ask-hive.js';
import type { Finding } from './discovery-report.js';
import { ANSWER_MS, HOSTS_MAX } from './limits.js';

/** Asks one host for its hive, and takes the hive in. */
@Injectable()
export class HostAsker {
  /** What the hive at a URL said its own URL is: under that one it may be live through its callback. */
  private readonly saidUrls = new Map<string, string>();

  constructor(
    private readonly directory: HiveDirectory,
    private readonly identity: QueenIdentity,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** Tries the URLs of one host in turn, up to the first hive; asks nothing if its hive is being read. Never rejects. */
  async ask(urls: readonly string[], signal: AbortSignal): Promise<Finding> {
    const live = this.live(urls);
    if (live !== undefined) return { ...live, outcome: 'live', detail: null };
    const tried_at = this.clock.timestamp();
    const startedMs = this.clock.monotonicMs();
    const tookMs = (): number => Math.round(this.clock.monotonicMs() - startedMs);
    let failure: Finding = { outcome: 'no_answer', hive_id: null, detail: null };
    for (const url of urls) {
      const answer = await askHive(url, await this.identity.urlFor(url), signal);
      const finding = this.take(url, answer);
      if (answer.kind === 'hive') return { ...finding, url, tried_at, took_ms: tookMs() };
      // What answers, though not as a hive, says more than what does not; the first address more than the next.
      if (failure.detail === null || (failure.outcome === 'no_answer' && finding.outcome === 'not_a_hive')) {
        failure = finding;
      }
      if (signal.aborted || tookMs() >= ANSWER_MS) break;
    }
    return { ...failure, tried_at, took_ms: tookMs() };
  }

  private live(urls: readonly string[]): { url: string; hive_id: string } | undefined {
    for (const url of urls) {
      const said = this.saidUrls.get(url);
      const hive = this.directory.liveAt(url) ?? (said === undefined ? undefined : this.directory.liveAt(said));
      if (hive !== undefined) return { url: hive.url, hive_id: hive.hiveId };
    }
    return undefined;
  }

  private take(url: string, answer: HiveAnswer): Finding {
    if (answer.kind !== 'hive') return { outcome: answer.kind, hive_id: null, detail: answer.reason };
    const { hive_id } = answer.capabilities;
    this.remember(url, answer.capabilities.hive_url);
    try {
      this.admit(url, answer.capabilities);
      return { outcome: 'hive', hive_id, detail: null };
    } catch (error) {
      return { outcome: 'refused', hive_id, detail: describeError(error) };
    }
  }

  private remember(url: string, saidUrl: string): void {
    this.saidUrls.delete(url);
    this.saidUrls.set(url, saidUrl);
    const [oldest] = this.saidUrls.keys();
    if (this.saidUrls.size > HOSTS_MAX && oldest !== undefined) this.saidUrls.delete(oldest);
  }

  private admit(url: string, { hive_id, boot_id, version, interval_ms, devices }: Capabilities): void {
    this.directory.admit({
      hiveId: hive_id,
      url,
      foundBy: 'ssh-config',
      bootId: boot_id,
      version,
      intervalMs: interval_ms,
      devices,
    });
  }
}
