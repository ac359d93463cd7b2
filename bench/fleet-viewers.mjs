// The viewers of bench/fleet.mjs: QUEEN_URL COUNT. All of them count the events by their bytes, so as not to be what is
// measured; one in twenty reads each: its hive and number (none lost, none twice, in order), and its age.
import { connect } from 'node:net';

const [url, count] = process.argv.slice(2);
const { hostname, port } = new URL(url);
const READERS_SHARE = 20;
const MARK = Buffer.from('data: {"type":"hive_telemetry"');
const FIELDS = /"hive_id":"([^"]+)".*?"timestamp":"([^"]+)","seq":(\d+)/;

let delivered = 0;
let lost = 0;
let open = 0;
let isMeasuring = false;
let delaysMs = [];

const sockets = Array.from({ length: Number(count) }, (_, index) => {
  const socket = connect(Number(port), hostname);
  const take = index % READERS_SHARE === 0 ? reader() : counter();
  socket.write('GET /v1/heartbeats/stream?type=hive_telemetry HTTP/1.1\r\nHost: queen\r\n\r\n');
  socket.once('data', () => (open += 1));
  socket.on('data', take);
  return socket;
});

/** Counts events by their first bytes; one that is cut there is found with the next chunk. */
function counter() {
  let tail = Buffer.alloc(0);
  return (chunk) => {
    const seam = Buffer.concat([tail, chunk.subarray(0, MARK.length - 1)]);
    if (seam.includes(MARK)) delivered += 1;
    for (let at = chunk.indexOf(MARK); at !== -1; at = chunk.indexOf(MARK, at + MARK.length)) delivered += 1;
    tail = chunk.subarray(-(MARK.length - 1));
  };
}

function reader() {
  const latest = new Map();
  let rest = '';
  return (chunk) => {
    const lines = (rest + chunk.toString('latin1')).split('\n');
    rest = lines.pop();
    for (const line of lines) if (line.startsWith('data: {"type":"hive_telemetry"')) read(line, latest);
  };
}

function read(line, latest) {
  const [, hive, at, seq] = FIELDS.exec(line);
  const before = latest.get(hive);
  latest.set(hive, Number(seq));
  delivered += 1;
  if (before !== undefined && Number(seq) !== before + 1) lost += 1;
  if (isMeasuring) delaysMs.push(Date.now() - Date.parse(at));
}

process.on('message', (word) => {
  if (word === 'start') [isMeasuring, delaysMs, lost] = [true, [], 0];
  process.send({ open, delivered, lost, delaysMs: word === 'stop' ? delaysMs : [] });
});
process.on('disconnect', () => sockets.forEach((socket) => socket.destroy()));
