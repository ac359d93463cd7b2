import { decodeJson, object, oneOf, optional, text } from './decode.js';

/** What a hive says once when it wants to be read: `POST /v1/hive/ready`. */
export interface ReadyRequest {
  readonly hive_id: string;
  /** The absolute origin that the queen dials. */
  readonly hive_url: string;
  readonly boot_id?: string;
  readonly version?: string;
  readonly interval_ms?: number;
}

/** `live`: telemetry flows. `connecting`: not dialled to the end yet. `unreachable`: the last dial failed. */
export const SUBSCRIPTION_OUTCOMES = ['connecting', 'live', 'unreachable'] as const;
export type SubscriptionOutcome = (typeof SUBSCRIPTION_OUTCOMES)[number];

/** The queen's answer, given at once: the dial follows. */
export interface ReadyAnswer {
  readonly status: 'ok';
  readonly message: string;
  readonly subscription: SubscriptionOutcome;
  /** Why the last dial failed; only where it did. */
  readonly last_error?: string;
}

const readyAnswer = object<ReadyAnswer>({
  status: oneOf(['ok']),
  message: text(1024),
  subscription: oneOf(SUBSCRIPTION_OUTCOMES),
  last_error: optional(text(1024)),
});

/** Decodes the body of a 200 to the ready callback. Throws `WIRE_MALFORMED`. */
export const decodeReadyAnswer = (json: string): ReadyAnswer => decodeJson(json, readyAnswer);
