// Runs inside a network namespace: carries what comes over a Unix socket, which namespaces share, to a TCP port that is
// reached from there.
import { connect, createServer } from 'node:net';

const [path, host, port] = process.argv.slice(2);

createServer((outside) => {
  const inside = connect({ host, port: Number(port) });
  outside.on('error', () => inside.destroy()).on('close', () => inside.destroy());
  inside.on('error', () => outside.destroy()).on('close', () => outside.destroy());
  outside.pipe(inside).pipe(outside);
}).listen(path, () => process.stdout.write('open\n'));
