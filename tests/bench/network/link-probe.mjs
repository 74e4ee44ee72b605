// Measures a link between two hosts: `serve` on the one, then `HOST PORT RATE_MBIT` on the other, which prints JSON.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Companion } from '../companion.mjs';
import { median } from '../history.mjs';
import { isRoot } from '../memory-group.mjs';

const program = fileURLToPath(import.meta.url);
const lengthBytes = 4;
const transferSeconds = 0.25;
/** Where the link has no limit. */
const freeBytes = 32 << 20;
/** The emulation's own part of a round trip that is to take no time. */
const slackMs = 0.25;
const mostCorrectionMs = 0.4;
/** Of what was asked. */
const most = 0.1;

/** Answers each message, of a length and so many bytes, with one byte once it is there. */
function serve() {
  const server = createServer((socket) => {
    socket.setNoDelay();
    socket.on('error', () => socket.destroy());
    let missing = 0;
    socket.on('data', (data) => {
      for (let at = 0; at < data.length; ) {
        if (missing === 0) {
          missing = data.readUInt32LE(at);
          at += lengthBytes;
        }
        const taken = Math.min(missing, data.length - at);
        missing -= taken;
        at += taken;
        if (missing === 0) socket.write(new Uint8Array(1));
      }
    });
  });
  server.listen(0, () => console.log(`PORT ${server.address().port}`));
}

/** Milliseconds until a message is answered. */
async function messageMs(socket, byteLength) {
  const message = Buffer.alloc(lengthBytes + byteLength);
  message.writeUInt32LE(byteLength);
  const beganMs = performance.now();
  socket.write(message);
  await once(socket, 'data');
  return performance.now() - beganMs;
}

async function measure(host, port, rateMbit) {
  const socket = connect(port, host);
  await once(socket, 'connect');
  socket.setNoDelay();
  const times = async (count, byteLength) => {
    const all = [];
    for (let i = 0; i < count; i += 1) all.push(await messageMs(socket, byteLength));
    return median(all);
  };
  const transferBytes = rateMbit > 0 ? Math.round((rateMbit * 1e6 * transferSeconds) / 8) : freeBytes;
  // TCP starts slowly.
  await times(3, 64);
  await times(1, transferBytes);
  const rttMs = await times(50, 64);
  const transferMs = (await times(3, transferBytes)) - rttMs;
  socket.destroy();
  return { rttMs, rateMbit: (transferBytes * 8) / (transferMs * 1e3) };
}

/** Measures the link between hosts 0 and 1 of a network; a rate of 0 is none. */
export async function probe(network, { rateMbit }) {
  // The link is measured, not how soon a busy host gets to it.
  const run = [...(isRoot() ? ['chrt', '-f', '1'] : []), process.execPath, program];
  const server = Companion.start(network.command(1, [...run, 'serve']));
  try {
    const [, serverPort] = await server.says(/PORT (\d+)/);
    const { host, port } = await network.addressOf(1, Number(serverPort));
    const args = [host, String(port), String(rateMbit)];
    return JSON.parse(await Companion.start(network.command(0, [...run, ...args])).end(60_000));
  } finally {
    await server.stop();
  }
}

/**
 * Sets a network's links so that a round trip takes as long as is asked, with what handing on takes by itself.
 * @returns the setting, what was measured with it, and whether that is what was asked, within a tenth
 */
export async function settleLink(network, link) {
  await network.setLink(link);
  const excessMs = (await probe(network, link)).rttMs - 2 * link.delayMs;
  const correctionMs = Math.min(Math.max(excessMs / 2, 0), mostCorrectionMs);
  const setting = { ...link, delayMs: Math.max(0, link.delayMs - correctionMs) };
  await network.setLink(setting);
  const found = await probe(network, link);
  const rttOffMs = Math.abs(found.rttMs - 2 * link.delayMs);
  const rateOff = link.rateMbit > 0 ? Math.abs(found.rateMbit / link.rateMbit - 1) : 0;
  const holds = rttOffMs <= Math.max(most * 2 * link.delayMs, slackMs) && rateOff <= most;
  return { setting, ...found, holds };
}

if (process.argv[1] === program) {
  const [first, port, rateMbit] = process.argv.slice(2);
  if (first === 'serve') serve();
  else console.log(JSON.stringify(await measure(first, Number(port), Number(rateMbit))));
}
