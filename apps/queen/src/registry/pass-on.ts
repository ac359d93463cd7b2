const START = '{"type":"telemetry",';
/** What would read otherwise on the way out: a line end would cut the event, a second `type` would win over ours. */
const UNFIT = /[\r\n]|"type"|\\u/;

/**
 * The text of a hive's telemetry as the queen passes it on, made from the text that came: with the queen's `type` and
 * `received_at`, without being put together anew. `undefined` where the text is not written as a hive of ours does.
 */
export function passOn(json: string, receivedAt: string): string | undefined {
  if (!json.startsWith(START) || !json.endsWith('}')) return undefined;
  const rest = json.slice(START.length, -1);
  return UNFIT.test(rest) ? undefined : `{"type":"hive_telemetry",${rest},"received_at":"${receivedAt}"}`;
}
