import { type FleetEvent, fleetEventName } from '#contracts';
import { encodeSse } from '#service-kit';

const LINE_FEED = '\n';
const DATA = '\ndata: ';

/**
 * An event of the merged stream as bytes, which all viewers of the same filter share. It does not hold the event
 * itself: a minute of a large fleet is kept, and as objects that would be several times as large.
 */
export interface FleetFrame {
  /** Its place in this queen's stream, without gaps. */
  readonly seq: number;
  readonly type: FleetEvent['type'];
  /** Of whom it speaks; `undefined` where of nobody or of all. */
  readonly hiveId: string | undefined;
  readonly bytes: Buffer;
}

/** An event as bytes, at its place in the stream of this epoch; `json` is its text. */
export const encodeFleet = (type: FleetEvent['type'], json: string, seq: number, epoch: string): Buffer =>
  Buffer.from(encodeSse({ id: `${epoch}:${seq}`, event: fleetEventName(type), data: json }));

/** An event as a frame of the stream of this epoch. */
export const frameOf = (event: FleetEvent, json: string, seq: number, epoch: string): FleetFrame => ({
  seq,
  type: event.type,
  hiveId: 'hive_id' in event ? event.hive_id : undefined,
  bytes: encodeFleet(event.type, json, seq, epoch),
});

/** The same event at another place of the stream. */
export function movedTo(frame: FleetFrame, seq: number, epoch: string): FleetFrame {
  const rest = frame.bytes.subarray(frame.bytes.indexOf(LINE_FEED));
  return { ...frame, seq, bytes: Buffer.concat([Buffer.from(`id: ${epoch}:${seq}`), rest]) };
}

/** The text of the event. */
export function jsonOf({ bytes }: FleetFrame): Buffer {
  const start = bytes.indexOf(DATA) + DATA.length;
  return bytes.subarray(start, bytes.indexOf(LINE_FEED, start));
}

/** Frames of one key replace each other for whoever is late. */
export const keyOf = ({ type, hiveId }: FleetFrame): string => (hiveId === undefined ? type : `${type} ${hiveId}`);

/** The frames as one piece of the stream. */
export function blockOf(frames: readonly FleetFrame[]): Buffer {
  const [first] = frames;
  return frames.length === 1 && first !== undefined ? first.bytes : Buffer.concat(frames.map(({ bytes }) => bytes));
}

/** Only the latest frame of each key, in the order of the stream. */
export function latestOf(frames: readonly FleetFrame[]): readonly FleetFrame[] {
  const latest = new Map(frames.map((frame) => [keyOf(frame), frame]));
  return frames.filter((frame) => latest.get(keyOf(frame)) === frame);
}
