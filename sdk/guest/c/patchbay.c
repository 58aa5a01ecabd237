// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

#include "patchbay.h"

#define MAGIC 0x314e5254u
#define MAX_SECTIONS 64
#define MAX_FRAME (1u << 30)
#define MAX_TEXT 4096
#define OP_PUT 1
#define OP_GONE 2
#define JSON_DEPTH 64

// --- Memory -----------------------------------------------------------------

#ifdef __wasm__

// The compiler asks for these; a module that links a C library has its own.
#define LIBRARY __attribute__((weak, no_builtin))

typedef uint64_t __attribute__((aligned(1), may_alias)) any64;

LIBRARY void *memcpy(void *restrict to, const void *restrict from, size_t n) {
	char *t = to;
	const char *f = from;
	for (; n >= 8; n -= 8, t += 8, f += 8)
		*(any64 *)t = *(const any64 *)f;
	for (; n > 0; n--)
		*t++ = *f++;
	return to;
}

LIBRARY void *memset(void *to, int value, size_t n) {
	char *t = to;
	uint64_t eight = (uint8_t)value * 0x0101010101010101u;
	for (; n >= 8; n -= 8, t += 8)
		*(any64 *)t = eight;
	for (; n > 0; n--)
		*t++ = (char)value;
	return to;
}

LIBRARY int memcmp(const void *a, const void *b, size_t n) {
	const unsigned char *x = a, *y = b;
	for (; n > 0; n--, x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}

static size_t heap_end; // how far pages are taken

// Takes memory for good, at a multiple of 8; NULL if there is no more. Pages
// come from the end of the memory, so that a C library's own are left alone.
static void *take(size_t n) {
	static size_t next;
	if (n > MAX_FRAME)
		return NULL;
	n = (n + 7) & ~(size_t)7;
	if (next == 0 || heap_end - next < n) {
		size_t pages = (n + 65535) / 65536, before = __builtin_wasm_memory_grow(0, pages);
		if (before == (size_t)-1)
			return NULL;
		if (before * 65536 != heap_end || next == 0)
			next = before * 65536;
		heap_end = (before + pages) * 65536;
	}
	void *at = (void *)next;
	next += n;
	return at;
}

__attribute__((import_module("patchbay"), import_name("log"))) void host_log(uint32_t level, const char *text, uint32_t n);

#else

#include <stdlib.h>
#include <string.h>

static void *take(size_t n) {
	return n > MAX_FRAME ? NULL : malloc(n + 1);
}

#endif

// A block of memory that grows and never shrinks. What it held before it grew
// is not given back: blocks double, so that this is less than what they hold.
typedef struct block {
	uint8_t *at;
	size_t size, used;
} block;

// Makes room for n bytes, keeping the first `keep`. Returns whether there is.
static int room(block *b, size_t n, size_t keep) {
	if (n <= b->size)
		return 1;
	size_t size = b->size * 2 > n ? b->size * 2 : n;
	uint8_t *at = take(size);
	if (at == NULL)
		return 0;
	if (keep > 0)
		memcpy(at, b->at, keep);
	b->at = at;
	b->size = size;
	return 1;
}

static block inbound, outbound, answer, scratch, ranking, proposals, notes;

void *pb_scratch(size_t size) {
	size = (size + 7) & ~(size_t)7;
	if (size > MAX_FRAME)
		return NULL;
	if (scratch.size - scratch.used < size) {
		// What was given out stays where it is; the next turn has the larger block.
		block larger = {NULL, 0, 0};
		if (!room(&larger, scratch.size * 2 + size, 0))
			return NULL;
		scratch = larger;
	}
	void *at = scratch.at + scratch.used;
	scratch.used += size;
	return at;
}

// --- Frames -----------------------------------------------------------------

static const char *read_header(const void *bytes, size_t length) {
	const pb_header *h = bytes;
	if (length < sizeof *h)
		return "frame: it is shorter than its header";
	if ((uintptr_t)bytes % 8 != 0)
		return "frame: it does not begin at a multiple of 8";
	if (h->magic != MAGIC)
		return "frame: it has another magic";
	if (h->frame_len != length || length > MAX_FRAME)
		return "frame: its length is not what its header says";
	if (h->header_len < sizeof *h || h->header_len % 8 != 0 || h->header_len > length)
		return "frame: its header has a wrong length";
	if (h->sections > MAX_SECTIONS || h->header_len + h->sections * sizeof(pb_entry) > length)
		return "frame: its directory reaches past the end";
	return NULL;
}

static int leaves(uint16_t table) {
	return table == PB_TABLE_AGENT || table == PB_TABLE_WORK || table == PB_TABLE_QUEUE;
}

static const char *read_section(pb_frame *frame, const pb_entry *e, size_t length, uint64_t *floor) {
	static const uint16_t sizes[PB_TABLES] = PB_SIZES;
	uint64_t end = e->offset + (uint64_t)e->count * e->stride;
	if (e->offset % 8 != 0 || e->offset < *floor)
		return "frame: a section is misaligned, or overlaps what comes before";
	if (end > length)
		return "frame: a section reaches past the end";
	*floor = end;
	pb_section *section;
	uint16_t size;
	if (e->op == OP_PUT && e->table < PB_TABLES && sizes[e->table] != 0) {
		section = &frame->put[e->table];
		size = sizes[e->table];
	} else if (e->op == OP_GONE && leaves(e->table)) {
		section = &frame->gone[e->table];
		size = sizeof(pb_gone);
	} else {
		return NULL; // of a table that this library does not know
	}
	// No layout is older than this library's, so that a row is never shorter.
	int fixed = e->table == PB_TABLE_BYTES || e->table == PB_TABLE_IDS;
	if (e->stride < size || (fixed ? e->stride != size : e->stride % 4 != 0))
		return "frame: a stride is too small, or not what rows need";
	if (section->base != NULL)
		return "frame: a section comes twice";
	section->base = (const uint8_t *)frame->header + e->offset;
	section->count = e->count;
	section->stride = e->stride;
	return NULL;
}

const char *pb_read(pb_frame *frame, const void *bytes, size_t length) {
	const char *fault = read_header(bytes, length);
	if (fault != NULL)
		return fault;
	memset(frame, 0, sizeof *frame);
	frame->header = bytes;
	const pb_header *h = frame->header;
	const pb_entry *entries = (const pb_entry *)((const uint8_t *)bytes + h->header_len);
	uint64_t floor = h->header_len + h->sections * sizeof(pb_entry);
	for (uint32_t i = 0; i < h->sections; i++)
		if ((fault = read_section(frame, &entries[i], length, &floor)) != NULL)
			return fault;
	uint32_t counts[PB_TABLES];
	for (uint32_t t = 0; t < PB_TABLES; t++)
		counts[t] = frame->put[t].count;
	static const uint16_t spanning[] = PB_SPANNING;
	for (const uint16_t *t = spanning; *t != 0; t++)
		for (uint32_t i = 0; i < counts[*t]; i++)
			if (!pb_row_fits(*t, pb_row(frame, *t, i), counts))
				return "frame: a span reaches past its section";
	return NULL;
}

const char *pb_read_turn(pb_turn *turn, const void *bytes, size_t length) {
	const char *fault = pb_read(&turn->frame, bytes, length);
	if (fault != NULL)
		return fault;
	if (pb_kind(turn) < PB_KIND_DELTA || pb_kind(turn) > PB_KIND_CANDIDATES)
		return "frame: its kind is not that of a turn";
	for (uint32_t i = 0; i < pb_items(turn); i++)
		if (pb_item_at(turn, i)->work >= pb_works(turn))
			return "frame: an item names a row that is not there";
	for (uint32_t i = 0; i < pb_candidates(turn); i++)
		if (pb_candidate_at(turn, i)->agent >= pb_agents(turn))
			return "frame: a candidate names a row that is not there";
	turn->random = turn->frame.header->seed;
	return NULL;
}

void pb_write_begin(pb_writer *w, void *at, size_t size, uint32_t sections) {
	w->room = at;
	w->size = size;
	w->at = sizeof(pb_header) + sections * sizeof(pb_entry);
	w->sections = 0;
	w->most = sections;
}

void pb_write_rows(pb_writer *w, uint16_t table, uint8_t op, const void *rows, uint32_t count) {
	static const uint16_t sizes[PB_TABLES] = PB_SIZES;
	if (count == 0 || table >= PB_TABLES)
		return;
	uint16_t stride = op == OP_GONE ? sizeof(pb_gone) : sizes[table];
	size_t from = w->at, end = from + (size_t)count * stride;
	w->at = (end + 7) & ~(size_t)7;
	if (w->at > w->size || w->sections == w->most) {
		w->sections = w->most + 1;
		return;
	}
	memcpy(w->room + from, rows, end - from);
	memset(w->room + end, 0, w->at - end);
	pb_entry e = {.table = table, .op = op, .layout = PB_LAYOUT, .stride = stride, .count = count, .offset = (uint32_t)from};
	memcpy(w->room + sizeof(pb_header) + w->sections * sizeof e, &e, sizeof e);
	w->sections++;
}

size_t pb_write_end(pb_writer *w, const pb_header *header) {
	if (w->sections != w->most || w->at > w->size || w->at > MAX_FRAME)
		return 0;
	pb_header h = *header;
	h.magic = MAGIC;
	h.header_len = sizeof h;
	h.frame_len = (uint32_t)w->at;
	h.sections = (uint16_t)w->sections;
	memcpy(w->room, &h, sizeof h);
	return w->at;
}

// --- Turns ------------------------------------------------------------------

static size_t length_of(const char *text) {
	size_t n = 0;
	while (text[n] != 0)
		n++;
	return n;
}

int pb_is(pb_text text, const char *same) {
	return length_of(same) == text.n && (text.n == 0 || memcmp(text.at, same, text.n) == 0);
}

uint64_t pb_random(pb_turn *turn) {
	uint64_t z = turn->random += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint32_t pb_random_below(pb_turn *turn, uint32_t n) {
	return (uint32_t)(((pb_random(turn) >> 32) * n) >> 32);
}

double pb_random_unit(pb_turn *turn) {
	return (double)(pb_random(turn) >> 11) / (double)((uint64_t)1 << 53);
}

pb_text pb_bytes(const pb_turn *turn, pb_span span) {
	pb_text text = {"", 0};
	if (span.n > 0 && pb_within(span, pb_count(&turn->frame, PB_TABLE_BYTES))) {
		text.at = (const char *)turn->frame.put[PB_TABLE_BYTES].base + span.at;
		text.n = span.n;
	}
	return text;
}

pb_text pb_word_text(const pb_turn *turn, uint32_t id) {
	uint32_t n = pb_words(turn);
	// Writers number words in their order, if nothing was taken away.
	if (id > 0 && id <= n && pb_word_at(turn, id - 1)->id == id)
		return pb_bytes(turn, pb_word_at(turn, id - 1)->text);
	for (uint32_t i = 0; i < n; i++)
		if (pb_word_at(turn, i)->id == id)
			return pb_bytes(turn, pb_word_at(turn, i)->text);
	pb_text none = {"", 0};
	return none;
}

int pb_attribute_value(const pb_turn *turn, const pb_work *work, const char *name, pb_text *value) {
	for (uint32_t i = 0; i < work->attributes.n; i++) {
		const pb_attribute *a = pb_attribute_at(turn, work->attributes.at + i);
		if (pb_is(pb_word_text(turn, a->name), name)) {
			*value = pb_bytes(turn, a->value);
			return 1;
		}
	}
	return 0;
}

int32_t pb_skill_level(const pb_turn *turn, const pb_agent *agent, const char *skill) {
	for (uint32_t i = 0; i < agent->skills.n; i++) {
		const pb_skill *s = pb_skill_at(turn, agent->skills.at + i);
		if (pb_is(pb_word_text(turn, s->name), skill))
			return (int32_t)s->level;
	}
	return -1;
}

static int needed(const pb_turn *turn, const pb_work *work, uint32_t name, int *any) {
	int found = 0;
	for (uint32_t i = 0; i < work->needs.n; i++) {
		const pb_need *need = pb_need_at(turn, work->needs.at + i);
		if ((need->flags & PB_NEED_DROPPED) == 0) {
			*any = 1;
			found |= need->name == name;
		}
	}
	return found;
}

uint32_t pb_skill_sum(const pb_turn *turn, const pb_work *work, const pb_agent *agent) {
	uint64_t sum = 0, all = 0;
	int any = 0;
	for (uint32_t i = 0; i < agent->skills.n; i++) {
		const pb_skill *s = pb_skill_at(turn, agent->skills.at + i);
		all += s->level;
		if (needed(turn, work, s->name, &any))
			sum += s->level;
	}
	sum = any ? sum : all;
	return sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

const pb_queue *pb_queue_of(const pb_turn *turn, const pb_work *work) {
	for (uint32_t i = 0; i < pb_queues(turn); i++)
		if (pb_queue_at(turn, i)->ref == work->queue)
			return pb_queue_at(turn, i);
	return NULL;
}

// The time since; 0 for a time that is not set or to come.
static int64_t since(int64_t now, int64_t then) {
	int64_t passed;
	if (__builtin_sub_overflow(now, then, &passed))
		return now > then ? INT64_MAX : 0;
	return passed > 0 ? passed : 0;
}

int64_t pb_idle_ms(const pb_turn *turn, const pb_agent *agent) {
	return agent->idle_since == 0 ? 0 : since(pb_now(turn), agent->idle_since);
}

int64_t pb_age_ms(const pb_turn *turn, const pb_work *work) {
	return since(pb_now(turn), work->requested_at);
}

// --- Replies ----------------------------------------------------------------

static void propose(pb_reply *reply, const pb_work *work, uint32_t agent, int32_t score, uint16_t reason, uint16_t rank) {
	if (reply->proposal_count == reply->proposal_room) {
		size_t held = reply->proposal_count * sizeof(pb_proposal);
		if (!room(&proposals, held + 64 * sizeof(pb_proposal), held)) {
			reply->full = 1;
			return;
		}
		reply->proposals = (pb_proposal *)proposals.at;
		reply->proposal_room = (uint32_t)(proposals.size / sizeof(pb_proposal));
	}
	pb_proposal *p = &reply->proposals[reply->proposal_count++];
	p->work = work->ref;
	p->revision = work->revision;
	p->agent = agent;
	p->score = score;
	p->reason = reason;
	p->rank = rank;
	p->reserved20 = 0;
}

void pb_propose(pb_reply *reply, const pb_work *work, const pb_agent *agent, int32_t score, uint16_t reason, uint16_t rank) {
	propose(reply, work, agent->ref, score, reason, rank);
}

void pb_note_work(pb_reply *reply, const pb_work *work, uint16_t reason) {
	if (reply->note_count == reply->note_room) {
		size_t held = reply->note_count * sizeof(pb_note);
		if (!room(&notes, held + 64 * sizeof(pb_note), held)) {
			reply->full = 1;
			return;
		}
		reply->notes = (pb_note *)notes.at;
		reply->note_room = (uint32_t)(notes.size / sizeof(pb_note));
	}
	pb_note note = {.work = work->ref, .reason = reason};
	reply->notes[reply->note_count++] = note;
}

void pb_wake_by(pb_reply *reply, int64_t at) {
	if (reply->wake_at == 0 || at < reply->wake_at)
		reply->wake_at = at;
}

void pb_choose(pb_reply *reply, pb_choice *choice, const pb_agent *agent, int32_t score, uint16_t reason) {
	pb_propose(reply, choice->work, agent, score, reason, choice->rank++);
}

// --- JSON -------------------------------------------------------------------

typedef struct text {
	const char *at, *end;
} text;

static void blank(text *t) {
	while (t->at < t->end && (*t->at == ' ' || *t->at == '\n' || *t->at == '\t' || *t->at == '\r'))
		t->at++;
}

static int eat(text *t, char c) {
	if (t->at == t->end || *t->at != c)
		return 0;
	t->at++;
	return 1;
}

static int digit(const text *t) {
	return t->at < t->end && *t->at >= '0' && *t->at <= '9';
}

static int digits(text *t) {
	if (!digit(t))
		return 0;
	while (digit(t))
		t->at++;
	return 1;
}

static int eat_number(text *t) {
	eat(t, '-');
	if (!eat(t, '0') && !digits(t))
		return 0;
	if (eat(t, '.') && !digits(t))
		return 0;
	if (eat(t, 'e') || eat(t, 'E')) {
		if (!eat(t, '+'))
			eat(t, '-');
		return digits(t);
	}
	return 1;
}

static int hex(char c) {
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Reads four hex digits; -1 if they are none.
static int32_t unit(const char *at, const char *end) {
	int32_t value = 0;
	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int h = hex(at[i]);
		if (h < 0)
			return -1;
		value = value << 4 | h;
	}
	return value;
}

static int one_of(char c, const char *list) {
	for (; *list != 0; list++)
		if (*list == c)
			return 1;
	return 0;
}

static int eat_string(text *t) {
	if (!eat(t, '"'))
		return 0;
	while (t->at < t->end) {
		char c = *t->at++;
		if (c == '"')
			return 1;
		if ((unsigned char)c < 0x20)
			return 0;
		if (c != '\\')
			continue;
		if (t->at == t->end)
			return 0;
		c = *t->at++;
		if (c == 'u') {
			if (unit(t->at, t->end) < 0)
				return 0;
			t->at += 4;
		} else if (!one_of(c, "\"\\/bfnrt")) {
			return 0;
		}
	}
	return 0;
}

static int eat_word(text *t, const char *word) {
	for (; *word != 0; word++)
		if (!eat(t, *word))
			return 0;
	return 1;
}

static int eat_value(text *t, int depth);

static int eat_list(text *t, int depth, char close) {
	t->at++;
	blank(t);
	if (eat(t, close))
		return 1;
	if (depth == 0)
		return 0;
	do {
		blank(t);
		if (close == '}') {
			if (!eat_string(t))
				return 0;
			blank(t);
			if (!eat(t, ':'))
				return 0;
			blank(t);
		}
		if (!eat_value(t, depth - 1))
			return 0;
		blank(t);
	} while (eat(t, ','));
	return eat(t, close);
}

static int eat_value(text *t, int depth) {
	if (t->at == t->end)
		return 0;
	switch (*t->at) {
	case '{':
		return eat_list(t, depth, '}');
	case '[':
		return eat_list(t, depth, ']');
	case '"':
		return eat_string(t);
	case 't':
		return eat_word(t, "true");
	case 'f':
		return eat_word(t, "false");
	case 'n':
		return eat_word(t, "null");
	default:
		return eat_number(t);
	}
}

int pb_json_parse(pb_json *json, const char *at, size_t length) {
	text t = {at, at + length};
	blank(&t);
	json->at = t.at;
	if (length > MAX_FRAME || !eat_value(&t, JSON_DEPTH))
		return 0;
	json->n = (uint32_t)(t.at - json->at);
	blank(&t);
	return t.at == t.end;
}

// Takes the next value within an object or array.
static pb_json part(text *t) {
	pb_json value = {t->at, 0};
	blank(t);
	if (eat(t, ',') || eat(t, ':'))
		blank(t);
	value.at = t->at;
	if (eat_value(t, JSON_DEPTH))
		value.n = (uint32_t)(t->at - value.at);
	return value;
}

// One character of a string that was checked. Returns it, or -1 at the end.
static int32_t character(text *t) {
	if (t->at == t->end)
		return -1;
	unsigned char c = (unsigned char)*t->at++;
	if (c != '\\')
		return c < 0x80 ? c : (int32_t)c | 1 << 30; // a byte of UTF-8 as it is
	c = (unsigned char)*t->at++;
	const char *from = "bfnrt", *to = "\b\f\n\r\t";
	for (int i = 0; i < 5; i++)
		if (c == (unsigned char)from[i])
			return to[i];
	if (c != 'u')
		return c;
	int32_t high = unit(t->at, t->end);
	t->at += 4;
	if (high < 0xd800 || high > 0xdfff)
		return high;
	if (high < 0xdc00 && t->end - t->at >= 6 && t->at[0] == '\\' && t->at[1] == 'u') {
		int32_t low = unit(t->at + 2, t->end);
		if (low >= 0xdc00 && low <= 0xdfff) {
			t->at += 6;
			return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	return 0xfffd;
}

// Writes a character in UTF-8 and returns its bytes.
static int utf8(int32_t c, char *out) {
	if (c >= 1 << 30) {
		out[0] = (char)(c & 0xff);
		return 1;
	}
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	int n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (int i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)((0xf00 >> n & 0xf0) | c);
	return n;
}

int pb_json_text(pb_json json, char *room_at, size_t size) {
	if (json.n < 2 || json.at[0] != '"' || size == 0)
		return 0;
	text t = {json.at + 1, json.at + json.n - 1};
	size_t used = 0;
	char bytes[4];
	for (int32_t c; (c = character(&t)) >= 0;) {
		int n = utf8(c, bytes);
		if (used + (size_t)n >= size)
			break;
		memcpy(room_at + used, bytes, (size_t)n);
		used += (size_t)n;
	}
	room_at[used] = 0;
	return 1;
}

static int key_is(pb_json key, const char *name) {
	text t = {key.at + 1, key.at + key.n - 1};
	char bytes[4];
	for (int32_t c; (c = character(&t)) >= 0;) {
		int n = utf8(c, bytes);
		for (int i = 0; i < n; i++, name++)
			if (*name == 0 || *name != bytes[i])
				return 0;
	}
	return *name == 0;
}

pb_json pb_json_get(pb_json json, const char *name) {
	pb_json found = {json.at, 0};
	if (json.n == 0 || json.at[0] != '{')
		return found;
	text t = {json.at + 1, json.at + json.n - 1};
	for (;;) {
		pb_json key = part(&t), value = part(&t);
		if (key.n == 0 || value.n == 0)
			return found;
		if (key_is(key, name))
			found = value; // the last one counts, as everywhere
	}
}

pb_json pb_json_item(pb_json json, uint32_t index) {
	pb_json none = {json.at, 0};
	if (json.n == 0 || json.at[0] != '[')
		return none;
	text t = {json.at + 1, json.at + json.n - 1};
	for (;; index--) {
		pb_json value = part(&t);
		if (value.n == 0 || index == 0)
			return value;
	}
}

static double power_of_ten(double value, int power) {
	for (; power > 0 && power < 400; power--)
		value *= 10;
	for (; power < 0 && power > -400; power++)
		value /= 10;
	return value;
}

int pb_json_number(pb_json json, double *number) {
	text t = {json.at, json.at + json.n};
	if (json.n == 0 || !(*t.at == '-' || digit(&t)))
		return 0;
	int negative = eat(&t, '-'), power = 0, fraction = 0, exponent = 0;
	uint64_t value = 0;
	for (; digit(&t) || (!fraction && t.at < t.end && *t.at == '.'); t.at++) {
		if (*t.at == '.') {
			fraction = 1;
		} else if (value < UINT64_MAX / 10 - 9) {
			value = value * 10 + (uint64_t)(*t.at - '0');
			power -= fraction;
		} else {
			power += !fraction;
		}
	}
	if (eat(&t, 'e') || eat(&t, 'E')) {
		int down = eat(&t, '-');
		eat(&t, '+');
		for (; digit(&t) && exponent < 10000; t.at++)
			exponent = exponent * 10 + (*t.at - '0');
		power += down ? -exponent : exponent;
	}
	*number = value == 0 ? 0 : power_of_ten((double)value, power);
	if (negative)
		*number = -*number;
	return 1;
}

int pb_json_flag(pb_json json, int *flag) {
	if (json.n == 0 || (json.at[0] != 't' && json.at[0] != 'f'))
		return 0;
	*flag = json.at[0] == 't';
	return 1;
}

double pb_setting_number(pb_json settings, const char *name, double otherwise, const char **error) {
	pb_json value = pb_json_get(settings, name);
	double number = otherwise;
	if (value.n > 0 && !pb_json_number(value, &number) && *error == NULL)
		*error = "settings: what should be a number is none";
	return number;
}

int pb_setting_flag(pb_json settings, const char *name, int otherwise, const char **error) {
	pb_json value = pb_json_get(settings, name);
	int flag = otherwise;
	if (value.n > 0 && !pb_json_flag(value, &flag) && *error == NULL)
		*error = "settings: what should be true or false is neither";
	return flag;
}

// --- The guest --------------------------------------------------------------

static int ready;

void pb_log(pb_level level, const char *line) {
#ifdef __wasm__
	host_log(level, line, (uint32_t)length_of(line));
#else
	(void)level;
	(void)line;
#endif
}

void *pb_guest_buffer(size_t length) {
	return room(&inbound, length > 0 ? length : 1, 0) ? inbound.at : NULL;
}

static void put(const char *text, size_t n) {
	if (room(&answer, answer.used + n, answer.used)) {
		memcpy(answer.at + answer.used, text, n);
		answer.used += n;
	}
}

static void say(const char *text) {
	put(text, length_of(text));
}

static void quote(const char *text) {
	say("\"");
	for (; *text != 0; text++) {
		static const char hexes[] = "0123456789abcdef";
		unsigned char c = (unsigned char)*text;
		char escaped[] = {'\\', 'u', '0', '0', hexes[c >> 4], hexes[c & 15]};
		if (c < 0x20 || c == '"' || c == '\\')
			put(escaped, sizeof escaped);
		else
			put(text, 1);
	}
	say("\"");
}

static void say_number(uint32_t n) {
	char text[10];
	int at = sizeof text;
	do
		text[--at] = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	put(text + at, sizeof text - (size_t)at);
}

static int sees_candidates(const pb_strategy *s) {
	return s->turn == NULL || s->view_candidates;
}

static void say_manifest(const pb_strategy *s) {
	say("{\"name\":");
	quote(s->name);
	say(",\"version\":");
	quote(s->version == NULL ? "0.0.0" : s->version);
	say(sees_candidates(s) ? ",\"view\":\"candidates\",\"candidates\":" : ",\"view\":\"board\",\"candidates\":");
	say_number(s->candidates);
	say(s->deterministic ? ",\"majors\":[1],\"deterministic\":true" : ",\"majors\":[1]");
	if (s->settings_schema != NULL) {
		say(",\"settings_schema\":");
		quote(s->settings_schema);
	}
	say(",\"reasons\":[");
	for (uint32_t i = 0; i < s->reason_count; i++) {
		say(i > 0 ? ",{\"code\":" : "{\"code\":");
		say_number(s->reasons[i].code);
		say(",\"name\":");
		quote(s->reasons[i].name);
		say(",\"text\":");
		quote(s->reasons[i].text);
		say("}");
	}
	say("]}");
}

static const char *configure(const void *request, size_t length) {
	const pb_strategy *s = &patchbay_strategy;
	pb_json settings;
	if (length == 0) {
		request = "{}";
		length = 2;
	}
	if (!pb_json_parse(&settings, request, length) || settings.at[0] != '{')
		return "settings: they are not a JSON object";
	const char *error = s->configure == NULL ? NULL : s->configure(settings);
	if (error == NULL)
		ready = 1;
	return error;
}

pb_answer pb_guest_cold(uint32_t op, const void *request, size_t length) {
	const char *error = NULL;
	answer.used = 0;
	switch (op) {
	case 1:
		say_manifest(&patchbay_strategy);
		break;
	case 2:
		error = configure(request, length);
		break;
	case 3:
		ready = 0;
		if (patchbay_strategy.drain != NULL)
			patchbay_strategy.drain();
		break;
	default:
		error = "patchbay: unknown operation";
	}
	if (error != NULL) {
		say("{\"error\":");
		quote(error);
		say("}");
	} else if (op != 1) {
		say("{}");
	}
	pb_answer out = {answer.at, answer.used};
	return out;
}

typedef struct ranked {
	int32_t score;
	uint32_t agent;
} ranked;

// Scores the candidates of one item and proposes them all, the best first:
// the host passes over those who are full by then.
static pb_status score_item(pb_turn *turn, const pb_choice *choice, pb_reply *reply) {
	const pb_strategy *s = &patchbay_strategy;
	uint32_t n = 0;
	if (!room(&ranking, choice->candidates.n * sizeof(ranked), 0))
		return PB_INTERNAL;
	ranked *list = (ranked *)ranking.at;
	for (uint32_t i = 0; i < choice->candidates.n; i++) {
		const pb_agent *agent = pb_choice_agent(turn, choice, i);
		int32_t score = s->score(turn, choice->work, agent);
		if (score == PB_NOBODY)
			continue;
		uint32_t at = n++;
		for (; at > 0 && list[at - 1].score < score; at--)
			list[at] = list[at - 1];
		list[at].score = score;
		list[at].agent = agent->ref;
	}
	for (uint32_t i = 0; i < n; i++)
		propose(reply, choice->work, list[i].agent, list[i].score, s->score_reason, (uint16_t)i);
	if (n == 0 && s->waits_reason != 0)
		pb_note_work(reply, choice->work, s->waits_reason);
	return PB_OK;
}

static pb_status answer_turn(pb_turn *turn, pb_reply *reply) {
	const pb_strategy *s = &patchbay_strategy;
	if (s->turn != NULL)
		return s->turn(turn, reply);
	if (pb_kind(turn) != PB_KIND_CANDIDATES) {
		reply->text = "the turn shows no candidates";
		return PB_INTERNAL;
	}
	for (uint32_t i = 0; i < pb_items(turn); i++) {
		const pb_item *item = pb_item_at(turn, i);
		pb_choice choice = {pb_work_at(turn, item->work), item->candidates, 0};
		if (s->pick != NULL)
			s->pick(turn, &choice, reply);
		else if (score_item(turn, &choice, reply) != PB_OK)
			reply->full = 1;
	}
	if (s->finish != NULL)
		s->finish(turn, reply);
	return PB_OK;
}

static pb_status take_turn(pb_turn *turn, pb_reply *reply, const void *frame, size_t length) {
	reply->text = pb_read_turn(turn, frame, length);
	if (reply->text != NULL)
		return PB_BAD_FRAME;
	if (!ready)
		return PB_NOT_READY;
	pb_status status = answer_turn(turn, reply);
	if (status == PB_OK && reply->full) {
		reply->text = "out of memory";
		return PB_INTERNAL;
	}
	return status;
}

pb_answer pb_guest_turn(const void *frame, size_t length) {
	static pb_turn turn;
	static pb_reply reply;
	uint32_t sections = 0;
	pb_answer none = {NULL, 0};
	scratch.used = 0;
	reply.proposal_count = reply.note_count = reply.digest = 0;
	reply.wake_at = 0;
	reply.full = 0;
	pb_status status = take_turn(&turn, &reply, frame, length);
	pb_header h = {.kind = PB_KIND_REPLY, .status = (uint16_t)status};
	if (length >= sizeof h) {
		h.epoch = ((const pb_header *)frame)->epoch;
		h.seq = ((const pb_header *)frame)->seq;
	}
	size_t said = reply.text == NULL ? 0 : length_of(reply.text);
	said = said > MAX_TEXT ? MAX_TEXT : said;
	size_t size = sizeof h + 2 * sizeof(pb_entry) + reply.proposal_count * sizeof(pb_proposal) +
		reply.note_count * sizeof(pb_note) + MAX_TEXT + 16;
	if (!room(&outbound, size, 0))
		return none;
	pb_writer w;
	if (status == PB_OK) {
		h.seed = (uint64_t)reply.wake_at;
		h.digest = reply.digest;
		sections = (uint32_t)(reply.proposal_count > 0) + (reply.note_count > 0);
		pb_write_begin(&w, outbound.at, outbound.size, sections);
		pb_write_rows(&w, PB_TABLE_PROPOSAL, OP_PUT, reply.proposals, reply.proposal_count);
		pb_write_rows(&w, PB_TABLE_NOTE, OP_PUT, reply.notes, reply.note_count);
	} else {
		pb_write_begin(&w, outbound.at, outbound.size, said > 0);
		pb_write_rows(&w, PB_TABLE_BYTES, OP_PUT, reply.text, (uint32_t)said);
	}
	pb_answer out = {outbound.at, pb_write_end(&w, &h)};
	return out;
}

#ifdef __wasm__

#define EXPORT(name) __attribute__((export_name(#name), used))

static uint64_t packed(pb_answer a) {
	return (uint64_t)(uintptr_t)a.at << 32 | (uint32_t)a.n;
}

EXPORT(patchbay_abi) uint32_t patchbay_abi(void) {
	return 1;
}

EXPORT(patchbay_buffer) void *patchbay_buffer(uint32_t length) {
	return pb_guest_buffer(length);
}

EXPORT(patchbay_cold) uint64_t patchbay_cold(uint32_t op, const void *at, uint32_t length) {
	return packed(pb_guest_cold(op, at, length));
}

EXPORT(patchbay_turn) uint64_t patchbay_turn(const void *at, uint32_t length) {
	return packed(pb_guest_turn(at, length));
}

#endif
