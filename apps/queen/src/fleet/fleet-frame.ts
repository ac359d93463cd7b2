import { type FleetEvent, fleetEventName } from '#contracts';
import { encodeSse } from '#service-kit';

/** An event of the merged stream with its bytes, which all viewers of the same filter share. */
export interface FleetFrame {
  /** Its place in this queen's stream, without gaps. */
  readonly seq: number;
  readonly event: FleetEvent;
  /** Frames of one key replace each other for whoever is late. */
  readonly key: string;
  readonly bytes: Buffer;
}

/** An event as bytes, at its place in the stream of this epoch. */
export function encodeFleet(event: { readonly type: FleetEvent['type'] }, seq: number, epoch: string): Buffer {
  return Buffer.from(
    encodeSse({ id: `${epoch}:${seq}`, event: fleetEventName(event.type), data: JSON.stringify(event) }),
  );
}

/** An event as a frame of the stream of this epoch. */
export const frameOf = (event: FleetEvent, seq: number, epoch: string): FleetFrame => ({
  seq,
  event,
  key: 'hive_id' in event ? `${event.type} ${event.hive_id}` : event.type,
  bytes: encodeFleet(event, seq, epoch),
});

/** The frames as one piece of the stream. */
export function blockOf(frames: readonly FleetFrame[]): Buffer {
  const [first] = frames;
  return frames.length === 1 && first !== undefined ? first.bytes : Buffer.concat(frames.map(({ bytes }) => bytes));
}

/** Only the latest frame of each key, in the order of the stream. */
export function latestOf(frames: readonly FleetFrame[]): readonly FleetFrame[] {
  const latest = new Map(frames.map((frame) => [frame.key, frame]));
  return frames.filter((frame) => latest.get(frame.key) === frame);
}
