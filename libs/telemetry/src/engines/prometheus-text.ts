/** One line of an exposition: a name, its labels and a value. */
export interface MetricSample {
  /** As the line has them, without the braces: the same text is the same series. */
  readonly labels: string;
  /** May be `NaN` or infinite, as the format allows. */
  readonly value: number;
}

/** The samples of the wanted names; a name that the text does not have has no entry. */
export type MetricFamilies = ReadonlyMap<string, readonly MetricSample[]>;

/** Most samples that are taken of one text: an engine with more series than this is refused, not cut. */
export const SAMPLES_MAX = 20_000;

const [TAB, SPACE, CARRIAGE_RETURN, QUOTE, BACKSLASH, OPEN, CLOSE] = [9, 32, 13, 34, 92, 123, 125];

/**
 * The lines of the wanted names. A pattern, since V8 compiles it: to look at every line in a loop takes five times as
 * long, and an exposition is some hundred kilobytes of which a handful of lines matters.
 */
export const linesOf = (names: Iterable<string>): RegExp =>
  new RegExp(`(?<![^\\n])(?:${[...names].join('|')})(?=[{ \\t\\r])`, 'g');

/**
 * Reads the text format of Prometheus, and of OpenMetrics as far as it is the same, for the wanted lines only: all
 * others are passed over unread, as are timestamps and exemplars.
 * Throws an `Error` of one sentence where a wanted line is not of the format.
 */
export function parsePrometheusText(text: string, wanted: RegExp): MetricFamilies {
  const families = new Map<string, MetricSample[]>();
  let samples = 0;
  wanted.lastIndex = 0;
  for (let found = wanted.exec(text); found !== null; found = wanted.exec(text)) {
    const [name] = found;
    if (++samples > SAMPLES_MAX) throw new Error(`more than ${SAMPLES_MAX} samples`);
    const lineEnd = text.indexOf('\n', wanted.lastIndex);
    const sample = sampleOf(text, wanted.lastIndex, lineEnd === -1 ? text.length : lineEnd);
    if (sample === undefined) throw new Error(`a line of ${name} is not of the Prometheus text format`);
    const family = families.get(name);
    if (family === undefined) families.set(name, [sample]);
    else family.push(sample);
  }
  return families;
}

/** The value of a label with its escapes undone; `undefined` where the series does not have it. */
export function labelOf(labels: string, wanted: string): string | undefined {
  for (let at = 0; at < labels.length;) {
    const equals = labels.indexOf('=', at);
    const close = equals === -1 ? -1 : closingQuote(labels, equals + 1, labels.length);
    if (close === -1) return undefined;
    if (labels.slice(at, equals).replace(/^[\s,]+|\s+$/g, '') === wanted) {
      return unescaped(labels.slice(labels.indexOf('"', equals) + 1, close));
    }
    at = close + 1;
  }
  return undefined;
}

function endOfWord(text: string, start: number, end: number): number {
  let at = start;
  while (at < end && !endsWord(text, at)) at++;
  return at;
}

function endsWord(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === OPEN || code === SPACE || code === TAB || code === CARRIAGE_RETURN;
}

function sampleOf(text: string, nameEnd: number, end: number): MetricSample | undefined {
  const open = pastBlanks(text, nameEnd, end);
  const close = text.charCodeAt(open) === OPEN ? closingBrace(text, open + 1, end) : open - 1;
  if (close === -1) return undefined;
  const valueStart = pastBlanks(text, close + 1, end);
  const value = numberOf(text.slice(valueStart, endOfWord(text, valueStart, end)));
  return value === undefined ? undefined : { labels: text.slice(open + 1, close), value };
}

function pastBlanks(text: string, from: number, end: number): number {
  let at = from;
  while (at < end && (text.charCodeAt(at) === SPACE || text.charCodeAt(at) === TAB)) at++;
  return at;
}

/** -1 where the labels do not end on their line. A brace within quotes is part of a value. */
function closingBrace(text: string, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === CLOSE) return at;
    if (code !== QUOTE) continue;
    at = closingQuote(text, at, end);
    if (at === -1) return -1;
  }
  return -1;
}

/** The end of the quoted text that begins at or after `from`; -1 where there is none. */
function closingQuote(text: string, from: number, end: number): number {
  const open = text.indexOf('"', from);
  if (open === -1 || open >= end) return -1;
  for (let at = open + 1; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code === BACKSLASH) at++;
  }
  return -1;
}

const unescaped = (value: string): string =>
  value.includes('\\') ? value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped)) : value;

/** As Go reads a float, which is how the format defines it, but for hexadecimal ones, which no exporter writes. */
function numberOf(word: string): number | undefined {
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word)) return Number(word);
  switch (word.toLowerCase().replace(/^\+/, '')) {
    case 'nan':
      return Number.NaN;
    case 'inf':
    case 'infinity':
      return Number.POSITIVE_INFINITY;
    case '-inf':
    case '-infinity':
      return Number.NEGATIVE_INFINITY;
    default:
      return undefined;
  }
}
