import { describe, expect, it } from '@jest/globals';

import { labelOf, linesOf, parsePrometheusText, SAMPLES_MAX } from './prometheus-text.js';

const parse = (text: string, ...names: string[]): Record<string, readonly unknown[]> =>
  Object.fromEntries(parsePrometheusText(text, linesOf(names)));

const valueOf = (word: string): unknown => parsePrometheusText(`a ${word}`, linesOf(['a'])).get('a')?.[0]?.value;

describe('parsePrometheusText', () => {
  it('takes the wanted names only, in the order of the text', () => {
    const text = '# HELP a What it is.\n# TYPE a gauge\na{x="1"} 1\na{x="2"} 2\nab 3\nb{x="1"} 4\na{x="3"} 5\n';
    expect(parse(text, 'a')).toEqual({
      a: [
        { labels: 'x="1"', value: 1 },
        { labels: 'x="2"', value: 2 },
        { labels: 'x="3"', value: 5 },
      ],
    });
    expect(parse(text, 'ab', 'c')).toEqual({ ab: [{ labels: '', value: 3 }] });
  });

  it.each([
    ['1', 1],
    ['+1', 1],
    ['-1.5', -1.5],
    ['.5', 0.5],
    ['5.', 5],
    ['1.7181405583e+09', 1_718_140_558.3],
    ['8E-3', 0.008],
    ['NaN', Number.NaN],
    ['nan', Number.NaN],
    ['+Inf', Number.POSITIVE_INFINITY],
    ['Inf', Number.POSITIVE_INFINITY],
    ['-Inf', Number.NEGATIVE_INFINITY],
  ])('reads the value %s', (word, value) => {
    expect(valueOf(word)).toBe(value);
  });

  it.each(['', '   ', '1x', '0x10', '1e', '--1', 'one', '1_000', '∞', 'null', '{x="1" 2', '{x="1} 2', '{x=1'])(
    'refuses the line "a %s"',
    (rest) => {
      expect(() => parse(`a ${rest}`, 'a')).toThrow('a line of a is not of the Prometheus text format');
    },
  );

  it.each([
    ['a timestamp', 'a{x="1"} 2 1395066363000'],
    ['an exemplar', 'a{x="1"} 2 # {trace_id="KOO5S4vxi0o"} 0.67'],
    ['tabs and blanks', 'a\t {x="1"} \t 2 \t'],
    ['no blank before the value', 'a{x="1"}2'],
    ['the line ends of Windows', 'a{x="1"} 2\r\nb 1\r\n'],
    ['the end of OpenMetrics', 'a{x="1"} 2\n# EOF\n'],
    ['blank lines and comments', '\n\n#\n# a 7\na{x="1"} 2\n\n'],
  ])('takes a line with %s', (_, text) => {
    expect(parse(text, 'a')).toEqual({ a: [{ labels: 'x="1"', value: 2 }] });
  });

  it('does not end labels at a brace within quotes', () => {
    expect(parse(String.raw`a{path="/{id}",q="say \"} 9\""} 2`, 'a')).toEqual({
      a: [{ labels: String.raw`path="/{id}",q="say \"} 9\""`, value: 2 }],
    });
  });

  it('does not take a name for another that begins like it', () => {
    const text = 'request_count 1\nrequest 2\nrequest_count_total{a="b"} 3\nrequest_count{a="b"} 4\n';
    expect(parse(text, 'request_count')).toEqual({
      request_count: [
        { labels: '', value: 1 },
        { labels: 'a="b"', value: 4 },
      ],
    });
  });

  it('passes over anything that is not wanted, whatever it is', () => {
    expect(parse('<html>\n{{{\nb{x="1\nb\n= 3\n\u0000\ud800\na 1', 'a')).toEqual({ a: [{ labels: '', value: 1 }] });
    expect(parse('', 'a')).toEqual({});
  });

  it('refuses more series than an engine has', () => {
    expect(() => parse('a 1\n'.repeat(SAMPLES_MAX), 'a')).not.toThrow();
    expect(() => parse('a 1\n'.repeat(SAMPLES_MAX + 1), 'a')).toThrow('more than 20000 samples');
  });

  it('gets through 2 MiB of junk, in lines or without', () => {
    const bytes = 2 * 1024 * 1024;
    for (const junk of ['x', 'a', '"', '\\', '{', '\n', 'a{', 'a{x="', '# ', ' ']) {
      const text = junk.repeat(Math.floor(bytes / junk.length));
      try {
        parsePrometheusText(text, linesOf(['a']));
      } catch (error) {
        expect(String(error)).toMatch(/^Error: (a line of a is not|more than)/);
      }
    }
  });

  it('throws nothing but its own errors on random text', () => {
    let seed = 1;
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    const alphabet = 'a{}",=\\\n #0123eE+-.NInf\t\r\u00e9\u0000';
    for (let round = 0; round < 3_000; round++) {
      const text = Array.from({ length: random(60) }, () => alphabet[random(alphabet.length)]).join('');
      try {
        const samples = parsePrometheusText(`a${text}`, linesOf(['a'])).get('a') ?? [];
        for (const { labels, value } of samples) expect([typeof labelOf(labels, 'a'), typeof value][1]).toBe('number');
      } catch (error) {
        expect(String(error)).toBe('Error: a line of a is not of the Prometheus text format');
      }
    }
  });
});

describe('labelOf', () => {
  it.each([
    ['le="0.5"', 'le', '0.5'],
    ['engine="0",le="+Inf",model_name="a"', 'le', '+Inf'],
    ['engine="0", le = "1" ,', 'le', '1'],
    ['file="x",le="1"', 'le', '1'],
    [String.raw`model_name="C:\\m\"x\"\n",le="1"`, 'model_name', 'C:\\m"x"\n'],
    ['a="le=\\"9\\"",le="1"', 'le', '1'],
    ['mode=""', 'mode', ''],
  ])('of %s, %s', (labels, name, value) => {
    expect(labelOf(labels, name)).toBe(value);
  });

  it.each(['', 'lea="1"', 'le', 'le=', 'le=1', 'le="1', 'a="le"'])('finds none in %s', (labels) => {
    expect(labelOf(labels, 'le')).toBeUndefined();
  });
});
