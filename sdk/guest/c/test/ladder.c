// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// The rungs, played through the guest as the host plays them: that of picks, or
// with RAW defined that of whole turns.

#include "../patchbay.h"

#include <stdio.h>
#include <string.h>

static int failed;

static void want(const char *what, int64_t got, int64_t wanted) {
	if (got != wanted) {
		fprintf(stderr, "%s: got %lld, want %lld\n", what, (long long)got, (long long)wanted);
		failed = 1;
	}
}

static _Alignas(8) uint8_t room[1 << 12];

// Plays a turn to the guest and reads the reply.
static pb_frame play(size_t n) {
	static pb_frame reply;
	pb_answer answer = pb_guest_turn(room, n);
	const char *fault = pb_read(&reply, answer.at, answer.n);
	want(fault == NULL ? "a reply" : fault, fault == NULL, 1);
	return reply;
}

static int cold(uint32_t op, const char *request, const char *part) {
	char text[4096];
	pb_answer answer = pb_guest_cold(op, request, strlen(request));
	snprintf(text, sizeof text, "%.*s", (int)answer.n, (const char *)answer.at);
	return strstr(text, part) != NULL;
}

static size_t board(uint8_t kind, uint64_t seq, uint64_t base) {
	pb_header h = {.kind = kind, .seq = seq, .base_seq = base, .digest = 77};
	pb_writer w;
	pb_write_begin(&w, room, sizeof room, 0);
	return pb_write_end(&w, &h);
}

#ifdef RAW

static uint64_t at;

static pb_status turn(pb_turn *t, pb_reply *reply) {
	if (pb_kind(t) == PB_KIND_DELTA && t->frame.header->base_seq != at)
		return PB_NEED_SNAPSHOT;
	at = t->frame.header->seq;
	reply->digest = t->frame.header->digest;
	return PB_OK;
}

const pb_strategy patchbay_strategy = {.name = "raw \"\n", .version = "1.0.0", .turn = turn};

int main(void) {
	want("the board is seen", cold(1, "", "\"view\":\"board\""), 1);
	want("the name is quoted", cold(1, "", "\"raw \\u0022\\u000a\""), 1);
	want("configured", cold(2, "", "{}"), 1);
	want("a snapshot", play(board(2, 1, 0)).header->digest, 77);
	want("a delta", play(board(1, 2, 1)).header->status, PB_OK);
	want("a gap", play(board(1, 4, 3)).header->status, PB_NEED_SNAPSHOT);
	want("a snapshot again", play(board(2, 5, 0)).header->status, PB_OK);
	return failed;
}

#else

static int says(const pb_frame *reply, const char *part) {
	char text[512] = "";
	uint32_t n = pb_count(reply, PB_TABLE_BYTES);
	if (n < sizeof text && n > 0)
		memcpy(text, reply->put[PB_TABLE_BYTES].base, n);
	return strstr(text, part) != NULL;
}

static int waits;

static const char *configure(pb_json settings) {
	const char *error = NULL;
	waits = pb_setting_flag(settings, "waits", 0, &error);
	return error;
}

// Chooses the two whom the host puts last, and draws the score.
static void pick(pb_turn *turn, pb_choice *choice, pb_reply *reply) {
	uint32_t n = choice->candidates.n;
	uint32_t *order = pb_scratch(n * sizeof *order);
	if (waits) {
		pb_note_work(reply, choice->work, 7);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		order[i] = n - 1 - i;
	for (uint32_t i = 0; i < n && i < 2; i++)
		pb_choose(reply, choice, pb_choice_agent(turn, choice, order[i]), (int32_t)pb_random_below(turn, 1000), 3);
}

static void finish(pb_turn *turn, pb_reply *reply) {
	pb_wake_by(reply, pb_now(turn) + 5000);
	pb_wake_by(reply, pb_now(turn) + 9000);
}

static int drained;

static void drain(void) {
	drained = 1;
}

static const pb_reason reasons[] = {{3, "last", "Whom the host puts last."}, {7, "waits", "It is to wait."}};

const pb_strategy patchbay_strategy = {
	.name = "last", .version = "1.2.3", .settings_schema = "{\"type\":\"object\"}", .reasons = reasons, .reason_count = 2,
	.candidates = 12, .deterministic = 1, .configure = configure, .pick = pick, .finish = finish, .drain = drain,
};

static size_t day(void) {
	pb_agent agents[3] = {{.ref = 10}, {.ref = 11}, {.ref = 12}};
	pb_work work[2] = {{.ref = 1, .revision = 4}, {.ref = 2, .revision = 5}};
	pb_item items[2] = {{.work = 0, .candidates = {0, 3}}, {.work = 1, .candidates = {3, 1}}};
	pb_candidate candidates[4] = {{.agent = 0}, {.agent = 1}, {.agent = 2}, {.agent = 1}};
	pb_header header = {.kind = PB_KIND_CANDIDATES, .epoch = 3, .seq = 9, .now = 1000, .seed = 5};
	pb_writer w;
	pb_write_begin(&w, room, sizeof room, 4);
	pb_write_rows(&w, PB_TABLE_AGENT, 1, agents, 3);
	pb_write_rows(&w, PB_TABLE_WORK, 1, work, 2);
	pb_write_rows(&w, PB_TABLE_ITEM, 1, items, 2);
	pb_write_rows(&w, PB_TABLE_CANDIDATE, 1, candidates, 4);
	return pb_write_end(&w, &header);
}

static void picks(void) {
	pb_frame reply = play(day());
	const uint32_t agents[] = {12, 11, 11};
	const uint16_t ranks[] = {0, 1, 0};
	int32_t scores[3] = {0};
	want("epoch", (int64_t)reply.header->epoch, 3);
	want("seq", (int64_t)reply.header->seq, 9);
	want("wake_at", (int64_t)reply.header->seed, 6000);
	want("proposals", pb_count(&reply, PB_TABLE_PROPOSAL), 3);
	for (uint32_t i = 0; i < 3; i++) {
		const pb_proposal *p = pb_row(&reply, PB_TABLE_PROPOSAL, i);
		want("agent", p->agent, agents[i]);
		want("rank", p->rank, ranks[i]);
		want("reason", p->reason, 3);
		want("revision", p->revision, i < 2 ? 4 : 5);
		scores[i] = p->score;
	}
	want("each draw is another", scores[0] != scores[1], 1);
	reply = play(day());
	want("the same turn, the same score", ((const pb_proposal *)pb_row(&reply, PB_TABLE_PROPOSAL, 0))->score, scores[0]);
}

static void memory(void) {
	void *first = pb_scratch(1 << 16), *second = pb_scratch(1 << 20);
	want("scratch", first != NULL && second != NULL && first != second, 1);
	want("too much", pb_scratch((size_t)1 << 31) == NULL, 1);
	want("a buffer", pb_guest_buffer(1 << 20) != NULL, 1);
}

int main(void) {
	pb_frame reply = play(day());
	want("not configured yet", reply.header->status, PB_NOT_READY);
	want("manifest", cold(1, "", "\"candidates\":12,\"majors\":[1],\"deterministic\":true"), 1);
	want("reasons", cold(1, "", "{\"code\":7,\"name\":\"waits\",\"text\":\"It is to wait.\"}]}"), 1);
	want("no settings", cold(2, "[]", "\"error\":"), 1);
	want("wrong settings", cold(2, "{\"waits\":1}", "\"error\":"), 1);
	want("unknown operation", cold(9, "", "unknown operation"), 1);
	want("configured", cold(2, "{}", "{}"), 1);
	picks();
	memory();
	picks();
	want("settings", cold(2, "{\"waits\":true}", "{}"), 1);
	reply = play(day());
	want("notes", pb_count(&reply, PB_TABLE_NOTE), 2);
	want("no proposals", pb_count(&reply, PB_TABLE_PROPOSAL), 0);
	reply = play(board(2, 8, 0));
	want("a board", reply.header->status, PB_INTERNAL);
	want("and why", says(&reply, "no candidates"), 1);
	reply = play(8);
	want("rubbish", reply.header->status, PB_BAD_FRAME);
	want("and why", says(&reply, "shorter than its header"), 1);
	want("drained", cold(3, "", "{}") && drained, 1);
	want("drained", play(day()).header->status, PB_NOT_READY);
	return failed;
}

#endif
