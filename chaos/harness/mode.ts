/** What a run of the chaos suite was asked for; the only place that looks at the environment. */
export const mode = {
  /** Whether the scenarios run that take minutes; they don't in `npm test`. */
  long: process.env['CHAOS_LONG'] === '1',
  /** Of the random run; `undefined` where none was asked for. */
  seed: numberOf('CHAOS_SEED'),
  /** Length of the random run. */
  minutes: numberOf('CHAOS_MINUTES'),
  /** Where every scenario leaves one line of JSON; `undefined` for nowhere. */
  report: process.env['CHAOS_REPORT'],
} as const;

function numberOf(name: string): number | undefined {
  const text = process.env[name];
  return text === undefined || text === '' ? undefined : Number(text);
}
