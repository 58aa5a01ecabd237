// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

/** How deep JSON may be nested. */
const DEPTH = 64;

const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c, COLON = 0x3a, MINUS = 0x2d, POINT = 0x2e, ZERO = 0x30;
const OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d, OPEN_ARRAY = 0x5b, CLOSE_ARRAY = 0x5d, U = 0x75;

function isDigit(c: i32): bool {
  return c >= ZERO && c <= ZERO + 9;
}

/** A place in a JSON text. */
class Cursor {
  constructor(public text: string, public at: i32, public end: i32) {}

  peek(): i32 {
    return this.at < this.end ? this.text.charCodeAt(this.at) : -1;
  }

  eat(c: i32): bool {
    if (this.peek() != c) return false;
    this.at++;
    return true;
  }

  blank(): void {
    for (let c = this.peek(); c == 0x20 || c == 0x0a || c == 0x09 || c == 0x0d; c = this.peek()) this.at++;
  }

  digits(): bool {
    if (!isDigit(this.peek())) return false;
    while (isDigit(this.peek())) this.at++;
    return true;
  }

  number(): bool {
    this.eat(MINUS);
    if (!this.eat(ZERO) && !this.digits()) return false;
    if (this.eat(POINT) && !this.digits()) return false;
    if ((this.peek() | 0x20) == 0x65) {
      this.at++;
      if (!this.eat(0x2b)) this.eat(MINUS);
      return this.digits();
    }
    return true;
  }

  string(): bool {
    if (!this.eat(QUOTE)) return false;
    while (this.at < this.end) {
      let c = this.text.charCodeAt(this.at++);
      if (c == QUOTE) return true;
      if (c < 0x20) return false;
      if (c != BACKSLASH) continue;
      let e = this.peek();
      this.at++;
      if (e == U) {
        if (hex4(this.text, this.at, this.end) < 0) return false;
        this.at += 4;
      } else if (e < 0 || "\"\\/bfnrt".indexOf(String.fromCharCode(e)) < 0) {
        return false;
      }
    }
    return false;
  }

  word(word: string): bool {
    for (let i = 0; i < word.length; i++) {
      if (!this.eat(word.charCodeAt(i))) return false;
    }
    return true;
  }

  list(depth: i32, close: i32): bool {
    this.at++;
    this.blank();
    if (this.eat(close)) return true;
    if (depth == 0) return false;
    do {
      this.blank();
      if (close == CLOSE_OBJECT) {
        if (!this.string()) return false;
        this.blank();
        if (!this.eat(COLON)) return false;
        this.blank();
      }
      if (!this.value(depth - 1)) return false;
      this.blank();
    } while (this.eat(COMMA));
    return this.eat(close);
  }

  value(depth: i32): bool {
    switch (this.peek()) {
      case OPEN_OBJECT: return this.list(depth, CLOSE_OBJECT);
      case OPEN_ARRAY: return this.list(depth, CLOSE_ARRAY);
      case QUOTE: return this.string();
      case 0x74: return this.word("true");
      case 0x66: return this.word("false");
      case 0x6e: return this.word("null");
      default: return this.number();
    }
  }

  /** The next value within an object or array, or null at its end. */
  part(): Json | null {
    this.blank();
    if (this.eat(COMMA) || this.eat(COLON)) this.blank();
    let from = this.at;
    return this.value(DEPTH) ? new Json(this.text.substring(from, this.at)) : null;
  }
}

function hex4(text: string, at: i32, end: i32): i32 {
  if (at + 4 > end) return -1;
  let value = 0;
  for (let i = at; i < at + 4; i++) {
    let c = text.charCodeAt(i) | 0x20;
    let h = isDigit(c) ? c - ZERO : c >= 0x61 && c <= 0x66 ? c - 0x61 + 10 : -1;
    if (h < 0) return -1;
    value = (value << 4) | h;
  }
  return value;
}

/** One value in a JSON text. */
export class Json {
  /** Use Json.parse. */
  constructor(public raw: string) {}

  /** The value that the text is; null if it is not one JSON value. */
  static parse(text: string): Json | null {
    let c = new Cursor(text, 0, text.length);
    c.blank();
    let from = c.at;
    if (!c.value(DEPTH)) return null;
    let end = c.at;
    c.blank();
    return c.at == text.length ? new Json(text.substring(from, end)) : null;
  }

  private parts(open: i32): Json[] {
    let all: Json[] = [];
    if (this.raw.charCodeAt(0) != open) return all;
    let c = new Cursor(this.raw, 1, this.raw.length - 1);
    for (let p = c.part(); p !== null; p = c.part()) all.push(p);
    return all;
  }

  /** The items of an array; none if this is no array. */
  items(): Json[] {
    return this.parts(OPEN_ARRAY);
  }

  /** The names of an object's members; none if this is no object. */
  names(): string[] {
    let all: string[] = [], parts = this.parts(OPEN_OBJECT);
    for (let i = 0; i + 1 < parts.length; i += 2) all.push(parts[i].text());
    return all;
  }

  /** The member of that name; null if this is no object, or has none. */
  get(name: string): Json | null {
    let parts = this.parts(OPEN_OBJECT), found: Json | null = null;
    for (let i = 0; i + 1 < parts.length; i += 2) {
      if (parts[i].text() == name) found = parts[i + 1]; // the last one counts, as everywhere
    }
    return found;
  }

  get isNumber(): bool {
    let c = this.raw.charCodeAt(0);
    return c == MINUS || isDigit(c);
  }

  get isFlag(): bool {
    return this.raw == "true" || this.raw == "false";
  }

  get isText(): bool {
    return this.raw.charCodeAt(0) == QUOTE;
  }

  get isObject(): bool {
    return this.raw.charCodeAt(0) == OPEN_OBJECT;
  }

  /** The number; NaN if this is none. */
  number(): f64 {
    return this.isNumber ? F64.parseFloat(this.raw) : NaN;
  }

  /** Whether this is true. */
  flag(): bool {
    return this.raw == "true";
  }

  /** The text; empty if this is none. */
  text(): string {
    if (!this.isText) return "";
    let raw = this.raw, out = "", from = 1;
    for (let i = 1; i < raw.length - 1; i++) {
      if (raw.charCodeAt(i) != BACKSLASH) continue;
      out += raw.substring(from, i);
      let e = raw.charCodeAt(++i);
      if (e == U) {
        out += String.fromCharCode(hex4(raw, i + 1, raw.length));
        i += 4;
      } else {
        let at = "bfnrt".indexOf(String.fromCharCode(e));
        out += at < 0 ? String.fromCharCode(e) : "\b\f\n\r\t".charAt(at);
      }
      from = i + 1;
    }
    return out + raw.substring(from, raw.length - 1);
  }
}

/**
 * A strategy's settings: one JSON object. The host has held it against the
 * manifest's schema before. What is of the wrong kind is noted in `error`.
 */
export class Settings {
  /** What was wrong first; null if nothing was. A strategy's configure returns it. */
  error: string | null = null;

  constructor(public json: Json) {}

  private wrong(name: string, what: string): void {
    if (this.error === null) this.error = "settings: " + name + ": it is not " + what;
  }

  /** A number; otherwise if it is not set. */
  number(name: string, otherwise: f64): f64 {
    let v = this.json.get(name);
    if (v === null) return otherwise;
    if (v.isNumber) return v.number();
    this.wrong(name, "a number");
    return otherwise;
  }

  /** A boolean; otherwise if it is not set. */
  flag(name: string, otherwise: bool): bool {
    let v = this.json.get(name);
    if (v === null) return otherwise;
    if (v.isFlag) return v.flag();
    this.wrong(name, "true or false");
    return otherwise;
  }

  /** A text; otherwise if it is not set. */
  text(name: string, otherwise: string): string {
    let v = this.json.get(name);
    if (v === null) return otherwise;
    if (v.isText) return v.text();
    this.wrong(name, "a text");
    return otherwise;
  }

  /** Notes settings of other names than these as wrong. */
  only(names: string[]): void {
    let all = this.json.names();
    for (let i = 0; i < all.length; i++) {
      if (!names.includes(all[i]) && this.error === null) {
        this.error = "settings: there is no " + all[i] + "; there are: " + names.join(", ");
      }
    }
  }
}
