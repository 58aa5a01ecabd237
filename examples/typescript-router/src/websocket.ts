// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// A WebSocket client (RFC 6455) as small as a router needs it: text messages,
// nothing negotiated. It needs no packages, and knows nothing of Patchbay. Node
// 22 has one of its own.

import { createHash, randomBytes } from "node:crypto";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectSecure } from "node:tls";

const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const [text, close, ping, pong] = [1, 8, 9, 10];

/** One connection. */
export class WebSocket {
  private readonly socket: Socket;
  private data: Buffer = Buffer.alloc(0);
  private parts: Buffer[] = [];
  private readonly key = randomBytes(16).toString("base64");
  private open = false;
  private timer: NodeJS.Timeout | undefined;

  /** @param ended is called once, with what ended the connection. */
  constructor(
    url: string,
    private readonly opened: () => void,
    private readonly message: (text: string) => void,
    ended: (why: Error) => void,
  ) {
    const { protocol, hostname, port, pathname, host } = new URL(url);
    const secure = protocol === "wss:";
    const at = { host: hostname, port: Number(port) || (secure ? 443 : 80), servername: hostname, noDelay: true };
    const greet = () =>
      this.socket.write(
        `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          `Sec-WebSocket-Key: ${this.key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      );
    this.socket = secure ? connectSecure(at, greet) : connectPlain(at, greet);
    let why = new Error("the connection has ended");
    this.socket.on("error", (error) => (why = error));
    this.socket.on("close", () => {
      clearTimeout(this.timer);
      ended(why);
    });
    this.socket.on("data", (data) => {
      try {
        this.take(data);
      } catch (error) {
        this.socket.destroy(error as Error);
      }
    });
    this.expect(10_000);
  }

  /** Ends the connection if nothing comes within so many milliseconds, from now on each time. */
  expect(milliseconds: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.socket.destroy(new Error("the host says nothing")), milliseconds);
  }

  /** Sends a text message. */
  send(message: string): void {
    this.write(text!, Buffer.from(message));
  }

  /** Ends the connection once what was sent is on its way. */
  end(): void {
    this.socket.end();
  }

  private write(kind: number, payload: Buffer): void {
    const size = payload.length;
    const head = Buffer.alloc(size < 126 ? 2 : size < 1 << 16 ? 4 : 10);
    head[0] = 0x80 | kind;
    head[1] = 0x80 | (head.length === 2 ? size : head.length === 4 ? 126 : 127);
    if (head.length === 4) {
      head.writeUInt16BE(size, 2);
    } else if (head.length === 10) {
      head.writeBigUInt64BE(BigInt(size), 2);
    }
    const mask = randomBytes(4);
    const masked = Buffer.allocUnsafe(size);
    for (let i = 0; i < size; i++) {
      masked[i] = payload[i]! ^ mask[i & 3]!;
    }
    this.socket.write(Buffer.concat([head, mask, masked]));
  }

  private take(more: Buffer): void {
    this.data = this.data.length ? Buffer.concat([this.data, more]) : more;
    if (!this.open && !this.greeted()) {
      return;
    }
    for (let payload = this.frame(); payload !== undefined; payload = this.frame()) {
      // frame has done all there is to do
    }
  }

  /** Reads the host's answer to the greeting. */
  private greeted(): boolean {
    const end = this.data.indexOf("\r\n\r\n");
    if (end < 0) {
      return false;
    }
    const head = this.data.toString("latin1", 0, end);
    const accept = createHash("sha1").update(this.key + guid).digest("base64");
    if (!/^HTTP\/1\.1 101 /.test(head) || !head.includes(accept)) {
      throw new Error(`the host does not open a WebSocket: ${head.split("\r\n")[0]}`);
    }
    this.data = this.data.subarray(end + 4);
    this.open = true;
    this.opened();
    return true;
  }

  /** Takes one frame, if it has come whole. */
  private frame(): Buffer | undefined {
    const { data } = this;
    if (data.length < 2) {
      return undefined;
    }
    let [size, at] = [data[1]! & 0x7f, 2];
    if (size > 125) {
      at = size === 126 ? 4 : 10;
      if (data.length < at) {
        return undefined;
      }
      size = at === 4 ? data.readUInt16BE(2) : Number(data.readBigUInt64BE(2));
    }
    if (data.length < at + size) {
      return undefined;
    }
    const payload = data.subarray(at, at + size);
    this.data = data.subarray(at + size);
    const kind = data[0]! & 0x0f;
    if (kind === ping) {
      this.write(pong!, payload);
    } else if (kind === close) {
      this.socket.destroy(new Error("the host has closed the connection"));
    } else if (kind !== pong) {
      this.parts.push(payload);
      if (data[0]! & 0x80) {
        const whole = Buffer.concat(this.parts).toString();
        this.parts = [];
        this.message(whole);
      }
    }
    return payload;
  }
}
