// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Reads a frame in hex from a file, names every value of it on a line each, and
// writes the same frame again: golden FILE. It fails if the copy differs, or if
// a damaged copy of the frame is read as if nothing were wrong with its spans.

#include "../patchbay.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const pb_strategy patchbay_strategy = {.name = "none"};

static void named(const char *table, uint32_t i, const char *field, uint64_t value) {
	printf("%s[%u]%s=%" PRIu64 "\n", table, i, field, value);
}

static void signed_(const char *table, uint32_t i, const char *field, int64_t value) {
	printf("%s[%u]%s=%" PRId64 "\n", table, i, field, value);
}

#include "dump.h"

static void dump_header(const pb_header *h) {
	printf("header.magic=%u\nheader.header_len=%u\nheader.kind=%u\nheader.flags=%u\n", h->magic, h->header_len, h->kind, h->flags);
	printf("header.frame_len=%u\nheader.sections=%u\nheader.status=%u\n", h->frame_len, h->sections, h->status);
	printf("header.epoch=%" PRIu64 "\nheader.seq=%" PRIu64 "\nheader.base_seq=%" PRIu64 "\n", h->epoch, h->seq, h->base_seq);
	printf("header.now=%" PRId64 "\nheader.seed=%" PRIu64 "\nheader.budget=%u\nheader.digest=%u\n", h->now, h->seed, h->budget, h->digest);
}

static size_t load(const char *path, uint8_t *out, size_t size) {
	FILE *f = fopen(path, "r");
	size_t n = 0;
	unsigned byte;
	if (f == NULL)
		return 0;
	while (n < size && fscanf(f, " %2x", &byte) == 1)
		out[n++] = (uint8_t)byte;
	fclose(f);
	return n;
}

// Writes every section of the frame in the order in which it came. Rows longer
// than known are cut.
static size_t copy(const pb_frame *frame, const uint8_t *bytes, uint8_t *out, size_t size) {
	const pb_header *h = frame->header;
	pb_writer w;
	pb_write_begin(&w, out, size, h->sections);
	for (uint32_t i = 0; i < h->sections; i++) {
		const pb_entry *e = (const pb_entry *)(bytes + h->header_len) + i;
		pb_write_rows(&w, e->table, e->op, bytes + e->offset, e->count);
	}
	return pb_write_end(&w, h);
}

// Reads damaged copies of a frame, and everything that their spans name: no
// byte outside of the frame may be touched, which a sanitizer holds.
static void damage(const uint8_t *bytes, size_t n) {
	pb_turn random = {.random = 1};
	for (int round = 0; round < 3000; round++) {
		uint8_t *broken = aligned_alloc(8, (n + 7) & ~(size_t)7);
		pb_turn turn;
		uint64_t sum = 0;
		memcpy(broken, bytes, n);
		for (uint32_t i = pb_random_below(&random, 3) + 1; i > 0; i--)
			broken[pb_random_below(&random, (uint32_t)n)] = (uint8_t)pb_random(&random);
		if (pb_read_turn(&turn, broken, n) == NULL) {
			for (uint32_t i = 0; i < pb_items(&turn); i++) {
				const pb_item *item = pb_item_at(&turn, i);
				const pb_work *work = pb_work_at(&turn, item->work);
				pb_choice choice = {work, item->candidates, 0};
				pb_text value;
				sum += (uint64_t)pb_attribute_value(&turn, work, "city", &value);
				for (uint32_t c = 0; c < item->candidates.n; c++)
					sum += pb_skill_sum(&turn, work, pb_choice_agent(&turn, &choice, c));
			}
			for (uint32_t i = 0; i < pb_agents(&turn); i++)
				sum += pb_word_text(&turn, pb_agent_at(&turn, i)->name).n;
		}
		free(broken);
		if (sum == UINT64_MAX)
			puts("");
	}
}

static int follow(const pb_turn *turn) {
	const pb_work *work = pb_work_at(turn, 0);
	const pb_agent *anna = pb_agent_at(turn, 0);
	pb_text city, note;
	return pb_attribute_value(turn, work, "city", &city) && pb_is(city, "Zürich") &&
		pb_attribute_value(turn, work, "note", &note) && note.n == 0 && !pb_attribute_value(turn, work, "none", &note) &&
		pb_is(pb_word_text(turn, work->external), "crm/4711") && pb_is(pb_word_text(turn, pb_queue_of(turn, work)->name), "support") &&
		pb_is(pb_word_text(turn, pb_id_at(turn, work->declined.at + 1)), "dora") && pb_skill_level(turn, anna, "english") == 10000 &&
		pb_skill_level(turn, anna, "latin") == -1 && pb_skill_sum(turn, work, anna) == 10000 &&
		pb_skill_sum(turn, pb_work_at(turn, 1), anna) == 12500 && pb_idle_ms(turn, anna) == 90000 && pb_age_ms(turn, work) == 45000;
}

static int reads_json(void) {
	const char text[] = " {\"a\": 1.5e1, \"b\":true, \"c\\u0041\":\"x\\n\\u00e9\\ud83d\\ude00\\\"\", \"d\":[1, [2], {\"e\":null}], \"a\":-0.25} ";
	const char *wrong[] = {"{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{} {}", "{\"a\":01}", "{\"a\":1.}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}",
		"{\"a\":tru}", "{\"a\":-}", "{a:1}", "{\"a\":\"\n\"}", ""};
	pb_json json;
	double a = 0;
	int b = 0, fine;
	char c[32];
	const char *error = NULL;
	fine = pb_json_parse(&json, text, sizeof text - 1) && pb_json_number(pb_json_get(json, "a"), &a) && a == -0.25 &&
		pb_json_flag(pb_json_get(json, "b"), &b) && b == 1 && pb_json_text(pb_json_get(json, "cA"), c, sizeof c) &&
		strcmp(c, "x\né😀\"") == 0 && pb_json_number(pb_json_item(pb_json_item(pb_json_get(json, "d"), 1), 0), &a) && a == 2 &&
		pb_json_item(pb_json_get(json, "d"), 3).n == 0 && pb_setting_number(json, "z", 7, &error) == 7 && error == NULL &&
		pb_setting_number(json, "b", 7, &error) == 7 && error != NULL;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		fine = fine && !pb_json_parse(&json, wrong[i], strlen(wrong[i]));
	return fine;
}

int main(int argc, char **argv) {
	static _Alignas(8) uint8_t bytes[1 << 16], again[1 << 16];
	pb_frame frame;
	pb_turn turn = {.random = 0};
	size_t n = argc > 1 ? load(argv[1], bytes, sizeof bytes) : 0;
	const char *fault = pb_read(&frame, bytes, n);
	if (fault != NULL) {
		fprintf(stderr, "%s: %s\n", argc > 1 ? argv[1] : "usage: golden FILE", fault);
		return 1;
	}
	if (pb_random(&turn) != 0xe220a8397b1dcdafu || pb_random(&turn) != 0x6e789e6aa1b965f4u || !reads_json()) {
		fprintf(stderr, "randomness or JSON is not what it should be\n");
		return 1;
	}
	dump_header(frame.header);
	rows(&frame);
	if (pb_count(&frame, PB_TABLE_BYTES) > 0)
		printf("bytes=%.*s\n", (int)pb_count(&frame, PB_TABLE_BYTES), (const char *)frame.put[PB_TABLE_BYTES].base);
	memset(again, 0xff, sizeof again);
	// A longer header is not written again, so that frame is not compared.
	if (frame.header->header_len == sizeof(pb_header) && (copy(&frame, bytes, again, sizeof again) != n || memcmp(bytes, again, n) != 0)) {
		fprintf(stderr, "%s: the copy differs\n", argv[1]);
		return 1;
	}
	damage(bytes, n);
	if (frame.header->kind == PB_KIND_CANDIDATES && (pb_read_turn(&turn, bytes, n) != NULL || !follow(&turn))) {
		fprintf(stderr, "%s: the items are not what they should be\n", argv[1]);
		return 1;
	}
	return 0;
}
