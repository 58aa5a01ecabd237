// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Routing strategies for Patchbay, written in C and run by the host as
// WebAssembly modules. Compile patchbay.c along with your strategy; neither
// needs a C library.
//
// A strategy decides which agent is offered which work. The host asks it in
// turns; it answers with proposals, which the host settles: a proposal that
// does not hold is refused without harm. There are three rungs to stand on:
//
//   score  a number for a pair of work and agent; the library does the rest
//   pick   a choice among the candidates of one work
//   turn   the whole turn, for those who keep a board of their own
//
// A module defines one pb_strategy named patchbay_strategy:
//
//   static int32_t longest_idle(pb_turn *turn, const pb_work *work, const pb_agent *agent) {
//       (void)work;
//       return (int32_t)(pb_idle_ms(turn, agent) / 1000);
//   }
//
//   const pb_strategy patchbay_strategy = {
//       .name = "longest-idle", .version = "1.0.0", .deterministic = 1, .score = longest_idle,
//   };
//
// Memory. Rows are read where the host wrote them. They and all texts are valid
// until the turn returns: copy what you keep. What the library needs besides is
// kept from turn to turn, so that a turn allocates nothing once the largest has
// been seen. pb_scratch gives a strategy memory of the same kind.
//
// Determinism. There is no clock but pb_now and no randomness but pb_random,
// which follow from the turn: the same turns give the same replies.
//
// Times are Unix milliseconds, 0 for never. Capacity and sizes are milli-units,
// levels of skills thousandths. A module has one thread; nothing here is safe
// for concurrent use.

#ifndef PATCHBAY_H
#define PATCHBAY_H

#include "patchbay_rows.h"

#ifdef __cplusplus
extern "C" {
#endif

// --- Frames -----------------------------------------------------------------

// The kinds of frames.
enum {
	PB_KIND_DELTA = 1,          // Changes since the last turn.
	PB_KIND_SNAPSHOT = 2,       // A whole snapshot in one page.
	PB_KIND_SNAPSHOT_FIRST = 3, // The first page of one: the board is empty before. No proposals are wanted.
	PB_KIND_SNAPSHOT_MORE = 4,  // A further page. No proposals are wanted.
	PB_KIND_SNAPSHOT_LAST = 5,  // The last page.
	PB_KIND_CANDIDATES = 6,     // Items to decide on with their candidates; nothing is kept between turns.
	PB_KIND_REPLY = 16,         // A reply.
};

// How a turn went.
typedef enum pb_status {
	PB_OK = 0,            // The turn was taken.
	PB_NEED_SNAPSHOT = 1, // The strategy's board is out of step.
	PB_BAD_FRAME = 3,     // The turn could not be read.
	PB_NOT_READY = 4,     // Not configured yet, or drained.
	PB_OVER_BUDGET = 5,   // The strategy gave up because its budget ran out.
	PB_INTERNAL = 6,      // The strategy is broken: the host starts it anew.
} pb_status;

// One section of a frame, as it lies there.
typedef struct pb_section {
	const uint8_t *base;
	uint32_t count, stride;
} pb_section;

// A frame that was read: a turn or a reply. Nothing of it is copied.
typedef struct pb_frame {
	const pb_header *header;
	pb_section put[PB_TABLES];  // rows that come or change, by table
	pb_section gone[PB_TABLES]; // rows of type gone: what left the table
} pb_frame;

// Reads a frame of length bytes at a multiple of 8. Every offset, count and
// span is checked, so that all of it can be followed without a care; what ids
// and refs mean is not. Returns NULL, or a sentence on what is wrong.
const char *pb_read(pb_frame *frame, const void *bytes, size_t length);

// How many rows of a table come or change.
static inline uint32_t pb_count(const pb_frame *frame, uint16_t table) {
	return frame->put[table].count;
}

// The row of a table at an index, which must be less than the count.
static inline const void *pb_row(const pb_frame *frame, uint16_t table, uint32_t index) {
	return frame->put[table].base + (size_t)index * frame->put[table].stride;
}

// How many rows left a table: of agents, work or queues.
static inline uint32_t pb_gone_count(const pb_frame *frame, uint16_t table) {
	return frame->gone[table].count;
}

// The row at an index of what left a table.
static inline const pb_gone *pb_gone_row(const pb_frame *frame, uint16_t table, uint32_t index) {
	return (const pb_gone *)(frame->gone[table].base + (size_t)index * frame->gone[table].stride);
}

// Writes a frame into room: sections in the order in which they are given.
typedef struct pb_writer {
	uint8_t *room;
	size_t size, at; // bytes of room, and of them written; at is more than size if the room was too small
	uint32_t sections, most;
} pb_writer;

// Begins a frame of exactly the given number of sections in size bytes of room
// at a multiple of 8.
void pb_write_begin(pb_writer *writer, void *room, size_t size, uint32_t sections);

// Adds a section: op is 1 for rows that come, 2 for rows of type gone. Nothing
// happens if count is 0.
void pb_write_rows(pb_writer *writer, uint16_t table, uint8_t op, const void *rows, uint32_t count);

// Ends the frame. Of the header, magic, lengths and the number of sections are
// filled in. Returns the frame's length; 0 if the room was too small or another
// number of sections was written.
size_t pb_write_end(pb_writer *writer, const pb_header *header);

// --- Turns ------------------------------------------------------------------

// A text in UTF-8, not ended by a zero byte.
typedef struct pb_text {
	const char *at;
	uint32_t n;
} pb_text;

// Whether a text is this one, which ends with a zero byte.
int pb_is(pb_text text, const char *same);

// One turn: what the host asks.
typedef struct pb_turn {
	pb_frame frame;
	uint64_t random; // the state of pb_random
} pb_turn;

// Reads a turn, as pb_read does.
const char *pb_read_turn(pb_turn *turn, const void *bytes, size_t length);

// The time of the turn.
static inline int64_t pb_now(const pb_turn *turn) {
	return turn->frame.header->now;
}

// What the turn holds: PB_KIND_...
static inline uint8_t pb_kind(const pb_turn *turn) {
	return turn->frame.header->kind;
}

// The next 64 random bits of the turn: the splitmix64 generator, from the
// turn's seed. The same seed gives the same numbers in every language's library.
uint64_t pb_random(pb_turn *turn);

// A random number from 0 to n - 1; 0 if n is 0.
uint32_t pb_random_below(pb_turn *turn, uint32_t n);

// A random number from 0 to less than 1.
double pb_random_unit(pb_turn *turn);

// Memory until the turn returns, at a multiple of 8; NULL if there is no more.
// It is not cleared.
void *pb_scratch(size_t size);

// Functions that give the number of rows of a section, and its row at an index:
// pb_agents(turn), pb_agent_at(turn, i). In a candidates turn, agents and work
// are those that items name.
#define PB_SECTION(plural, type, table)                                             \
	static inline uint32_t pb_##plural(const pb_turn *turn) {                       \
		return pb_count(&turn->frame, table);                                       \
	}                                                                               \
	static inline const pb_##type *pb_##type##_at(const pb_turn *turn, uint32_t i) { \
		return (const pb_##type *)pb_row(&turn->frame, table, i);                   \
	}
PB_SECTION(agents, agent, PB_TABLE_AGENT)
PB_SECTION(works, work, PB_TABLE_WORK)
PB_SECTION(queues, queue, PB_TABLE_QUEUE)
PB_SECTION(channels, channel, PB_TABLE_CHANNEL)
PB_SECTION(words, word, PB_TABLE_WORD)
PB_SECTION(settleds, settled, PB_TABLE_SETTLED)
PB_SECTION(items, item, PB_TABLE_ITEM)
// The rows that spans name, by span.at and on.
PB_SECTION(candidates, candidate, PB_TABLE_CANDIDATE)
PB_SECTION(members, member, PB_TABLE_MEMBER)
PB_SECTION(skills, skill, PB_TABLE_SKILL)
PB_SECTION(needs, need, PB_TABLE_NEED)
PB_SECTION(attributes, attribute, PB_TABLE_ATTRIBUTE)
#undef PB_SECTION

// A dictionary id of a span of ids, such as work.declined.
static inline uint32_t pb_id_at(const pb_turn *turn, uint32_t i) {
	return *(const uint32_t *)pb_row(&turn->frame, PB_TABLE_IDS, i);
}

// The text of a span of bytes, such as an attribute's value.
pb_text pb_bytes(const pb_turn *turn, pb_span span);

// The text of a dictionary id that this turn brings; empty for others. A
// candidates turn brings every string it names.
pb_text pb_word_text(const pb_turn *turn, uint32_t id);

// Finds the value of the work's attribute of that name. Returns whether there
// is one.
int pb_attribute_value(const pb_turn *turn, const pb_work *work, const char *name, pb_text *value);

// The agent's level in the skill of that name, in thousandths; -1 if the agent
// does not hold it.
int32_t pb_skill_level(const pb_turn *turn, const pb_agent *agent, const char *skill);

// The sum of the agent's levels in the skills that the work requires now, in
// thousandths; of all skills, if it requires none.
uint32_t pb_skill_sum(const pb_turn *turn, const pb_work *work, const pb_agent *agent);

// The queue the work waits in; NULL if this turn does not bring it.
const pb_queue *pb_queue_of(const pb_turn *turn, const pb_work *work);

// For how many milliseconds the agent has been idle; 0 while busy.
int64_t pb_idle_ms(const pb_turn *turn, const pb_agent *agent);

// For how many milliseconds the customer has waited.
int64_t pb_age_ms(const pb_turn *turn, const pb_work *work);

// --- Replies ----------------------------------------------------------------

// What the strategy wishes.
typedef struct pb_reply {
	pb_proposal *proposals;
	pb_note *notes;
	uint32_t proposal_count, proposal_room, note_count, note_room;
	int64_t wake_at; // when a turn is wanted though nothing changes; 0 for never
	uint32_t digest; // of the strategy's own board; 0 if it keeps none
	const char *text; // with another status than PB_OK: a sentence for people, or NULL
	int full; // memory ran out
} pb_reply;

// Wishes that the work be offered to the agent. The score is for people; the
// reason is a code of the manifest, 0 for none. Rank 0 is the first choice for
// the work, 1, 2 ... are tried if it is refused, or asked at once if the queue
// asks several.
void pb_propose(pb_reply *reply, const pb_work *work, const pb_agent *agent, int32_t score, uint16_t reason, uint16_t rank);

// Says why the work waits, by a code of the manifest.
void pb_note_work(pb_reply *reply, const pb_work *work, uint16_t reason);

// Asks for a turn at that time at the latest.
void pb_wake_by(pb_reply *reply, int64_t at);

// --- Settings ---------------------------------------------------------------

// One value in a JSON text, which is read where it stands.
typedef struct pb_json {
	const char *at;
	uint32_t n; // 0 means that there is no such value
} pb_json;

// Checks that the text is one JSON value. Returns whether it is.
int pb_json_parse(pb_json *json, const char *text, size_t length);

// The member of that name; n is 0 if this is no object, or has none.
pb_json pb_json_get(pb_json json, const char *name);

// The item of an array at an index; n is 0 if this is no array, or past its end.
pb_json pb_json_item(pb_json json, uint32_t index);

// Each returns whether the value is of that kind, and what it is. A number of
// up to 15 digits is exact. A text is cut off to what the room holds, a zero
// byte included.
int pb_json_number(pb_json json, double *number);
int pb_json_flag(pb_json json, int *flag);
int pb_json_text(pb_json json, char *room, size_t size);

// Reads a setting: a number, or true or false; `otherwise` if it is not set.
// If it is of another kind, *error is set to a sentence and `otherwise` is
// returned; an error that is set already stays.
double pb_setting_number(pb_json settings, const char *name, double otherwise, const char **error);
int pb_setting_flag(pb_json settings, const char *name, int otherwise, const char **error);

// --- Strategies -------------------------------------------------------------

// Explains a reason code to people.
typedef struct pb_reason {
	uint16_t code;    // what proposals and notes carry, from 1
	const char *name; // a stable lower-case name, such as "longest_idle"
	const char *text; // one sentence
} pb_reason;

// What a score function returns to keep the work from the agent in this turn.
#define PB_NOBODY INT32_MIN

// Work to decide on, with those who may be offered it.
typedef struct pb_choice {
	const pb_work *work;
	pb_span candidates; // rows of pb_candidate_at, best first by the host's order
	uint16_t rank;      // how many were chosen so far
} pb_choice;

// The candidate of a choice at an index, which must be less than candidates.n.
static inline const pb_agent *pb_choice_agent(const pb_turn *turn, const pb_choice *choice, uint32_t index) {
	return pb_agent_at(turn, pb_candidate_at(turn, choice->candidates.at + index)->agent);
}

// Chooses an agent, after those chosen before. The host asks the first who
// still has room after what went before in this turn; a queue that asks several
// at once asks as many. So it is good to choose more than one.
void pb_choose(pb_reply *reply, pb_choice *choice, const pb_agent *agent, int32_t score, uint16_t reason);

// A strategy: what it is, and one of score, pick and turn.
typedef struct pb_strategy {
	const char *name;            // its own name, such as "queue"
	const char *version;         // by semver
	const char *settings_schema; // a JSON Schema, which the host holds settings against; NULL for no settings
	const pb_reason *reasons;    // the codes in proposals and notes
	uint32_t reason_count;
	uint8_t candidates;    // how many candidates an item comes with at most, 1 to 64; 0 leaves it to the host
	uint8_t deterministic; // promises the same reply to the same turns

	// Takes the admin's settings, a JSON object, before the first turn and
	// whenever they change. Returns NULL, or a sentence that says what is wrong,
	// what would be right and where; the settings in force then stay in force.
	// May be NULL.
	const char *(*configure)(pb_json settings);

	// The first rung: how good it is to offer the work to the agent; higher is
	// better, equal scores go to whom the host puts first. The pair is one that
	// the host's rules allow. Proposals carry the reason score_reason; work
	// nobody has a score for is noted under waits_reason, unless that is 0.
	int32_t (*score)(pb_turn *turn, const pb_work *work, const pb_agent *agent);
	uint16_t score_reason, waits_reason;

	// The second rung: chooses by pb_choose, the best first, or nobody.
	void (*pick)(pb_turn *turn, pb_choice *choice, pb_reply *reply);

	// The third rung: answers the whole turn. Its turns show the board, kept in
	// step by snapshots and deltas (frame.md), unless view_candidates is set.
	pb_status (*turn)(pb_turn *turn, pb_reply *reply);
	uint8_t view_candidates;

	// After the items of a turn, to ask for a turn later or to add to the reply.
	// May be NULL.
	void (*finish)(pb_turn *turn, pb_reply *reply);

	// Lets go of what the strategy holds. No turn comes after it. May be NULL.
	void (*drain)(void);
} pb_strategy;

// The module's strategy, which the author defines.
extern const pb_strategy patchbay_strategy;

// How much a line in the host's log matters.
typedef enum pb_level { PB_DEBUG = 0, PB_INFO = 1, PB_WARN = 2, PB_ERROR = 3 } pb_level;

// Writes a line to the host's log. Outside a host it goes nowhere.
void pb_log(pb_level level, const char *line);

// --- Exports ----------------------------------------------------------------
// What the host calls; a test may, too. Answers hold an address and a length.

typedef struct pb_answer {
	const void *at;
	size_t n;
} pb_answer;

// Where the caller may write that many bytes, until the next call of this; NULL
// if there is no room.
void *pb_guest_buffer(size_t length);

// Carries out an operation on JSON: 1 asks for the manifest, 2 configures, 3
// drains. The answer is JSON.
pb_answer pb_guest_cold(uint32_t op, const void *request, size_t length);

// Answers one frame, at a multiple of 8, by another.
pb_answer pb_guest_turn(const void *frame, size_t length);

#ifdef __cplusplus
}
#endif

#endif
