import { describe, expect, it } from '@jest/globals';

import { sshHosts } from './ssh-hosts.js';

const hosts = (text: string): readonly string[] =>
  sshHosts(text).map(({ alias, hostName }) => (alias === hostName ? alias : `${alias}=${hostName}`));

describe('sshHosts', () => {
  it.each([
    ['nothing', '', []],
    ['hosts with and without a name', 'Host a\n  HostName 10.0.0.1\nHost b\n', ['a=10.0.0.1', 'b']],
    ['several aliases in a line', 'Host a b c\n  HostName 10.0.0.1', ['a=10.0.0.1', 'b=10.0.0.1', 'c=10.0.0.1']],
    ['patterns as rules, not hosts', 'Host *.lan !x gpu-?\n  HostName 1.2.3.4\nHost a.lan', ['a.lan=1.2.3.4']],
    ['the first name that applies', 'Host a\n HostName one\nHost *\n HostName two\nHost b', ['a=one', 'b=two']],
    ['a negation', 'Host * !b\n HostName %h.lan\nHost a b', ['a=a.lan', 'b']],
    ['tokens', 'Host a\n HostName %h.100%%.lan', ['a=a.100%.lan']],
    ['any case, = and quotes', 'HOST="a b"\nhost c\n\thostname = "10.0.0.3"', ['c=10.0.0.3']],
    ['CRLF and comments', '# x\r\nHost a # not this\r\n  HostName 10.0.0.1\r\n', ['a=10.0.0.1']],
  ])('understands %s', (_, text, expected) => {
    expect(hosts(text)).toEqual(expect.arrayContaining(expected));
  });

  it('runs nothing', () => {
    const text =
      'Match exec "touch /tmp/apiary-pwned"\n  HostName x\nHost a\n  CanonicalizeHostname yes\n  CanonicalDomains b';
    expect(hosts(text)).toEqual(['a']);
  });
});
