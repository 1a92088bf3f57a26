/*
 * expr_impl.h - what the expr_*.c files share. Nobody else includes this, but the unit
 * test.
 *
 * expr_lex.c cuts text into tokens and proves that it is balanced; expr_parse.c makes a
 * tree of the direct subset; expr_eval.c, expr_math.c, expr_index.c and expr_text.c
 * evaluate it; expr_jq.c has everything else compiled by libjq, and expr_worker.c has it
 * evaluated in a process that may come to harm.
 */
#ifndef HEED_BASE_EXPR_IMPL_H
#define HEED_BASE_EXPR_IMPL_H

#include "base/arena.h"
#include "base/expr.h"
#include "base/str.h"
#include "heed.h"

#define EXPR_NEST_MAX 100           /* open brackets in one text */
#define EXPR_DEPTH_MAX 300          /* nodes from a tree's root to its deepest leaf */
#define EXPR_SIZE_MAX (256 * 1024)  /* bytes of one text */
#define EXPR_STRING_MAX (64u << 20) /* bytes of a string that an operator makes */
#define EXPR_RESULT_MAX (64u << 20) /* bytes of JSON that go to libjq or come back */

struct jq_state;

/* ---- tokens ------------------------------------------------------------------------ */

/* Operators of one character are their own kind. */
enum token_kind {
	T_END,
	T_FIELD, /* .name */
	T_IDENT, /* name, keyword, module::name */
	T_NUMBER,
	T_FORMAT, /* @name */
	T_QUOTE,  /* the opening quote of a string; then texts and interpolations;
	             T_UNQUOTE */
	T_TEXT,   /* bytes of a string, escapes as written */
	T_INTERP, /* \( */
	T_INTERP_END,
	T_UNQUOTE,
	T_RECURSE, /* .. */
	T_EQ,
	T_NE,
	T_LE,
	T_GE,
	T_ALT,      /* // */
	T_ASSIGN,   /* |= += -= and so on */
	T_ALT_BIND, /* ?// */
};

struct token {
	uint8_t kind;
	char open; /* the innermost bracket around it: ( [ { or i for \(; 0 for none */
	uint32_t at;
	uint32_t len;
};

struct tokens {
	struct token *at; /* the last is T_END */
	size_t n;         /* without T_END */
	size_t cap;
	size_t end; /* where the text ended */
};

enum lex_stop {
	LEX_ALL,    /* the expression is the rest of the text */
	LEX_BRACES, /* it ends before the "}}" that no bracket of its own closes */
};

/* Cut `whole` from `from` on. HEED_E_CONFIG for what is unbalanced or unknown to jq. */
int expr_lex(struct tokens *tokens, struct heed_str whole, size_t from,
             enum lex_stop stop, struct heed_error *error);
/* HEED_E_CONFIG when a name is used that would make the expression impure, or a format
 * that jq does not have. */
int expr_lex_names(const struct tokens *tokens, struct heed_str whole,
                   struct heed_error *error);
/* Is token `i` a bare key of an object or of a pattern? */
bool expr_lex_is_key(const struct tokens *tokens, size_t i);
/* HEED_E_CONFIG with its text and the place of byte `at` of `whole` in error->where. */
int expr_fail(struct heed_error *error, struct heed_str whole, size_t at,
              const char *format, ...) __attribute__((format(printf, 4, 5)));

/* ---- trees ------------------------------------------------------------------------- */

enum node_op {
	N_CONST,
	N_PATH, /* constant names and indexes, from `a` or the input */
	N_INDEX,
	N_SLICE,
	N_PIPE,
	N_ALT,
	N_AND,
	N_OR,
	N_NOT,
	N_NEGATE,
	N_EQ,
	N_NE,
	N_LT,
	N_LE,
	N_GT,
	N_GE,
	N_ADD,
	N_SUB,
	N_MUL,
	N_DIV,
	N_MOD,
	N_TRY,
	N_IF, /* a, then b, else `to` */
	N_ARRAY,
	N_OBJECT,
	N_STRING,
};

struct step {
	struct heed_str name; /* data is NULL for an index */
	int64_t index;
	bool optional; /* followed by ? */
};

struct pair {
	const struct node *key;
	const struct node *value;
};

struct node {
	uint8_t op;
	bool optional; /* N_INDEX, N_SLICE: followed by ? */
	bool distinct; /* N_OBJECT: constant keys, all different */
	uint16_t depth;
	uint32_t n;           /* of steps, items or pairs */
	const struct node *a; /* operands; for paths the base, NULL for the input */
	const struct node *b;
	union {
		struct heed_json value;
		const struct step *steps;
		const struct node *const *items;
		const struct pair *pairs;
		/* N_SLICE: from b to this; either may be NULL. N_IF: otherwise */
		const struct node *to;
	};
};

/* The names that an expression reads from its input, gathered while parsing. */
struct roots {
	struct heed_str *names; /* mem_alloc'ed */
	size_t n;
	size_t cap;
	bool unknown; /* it may read any of it */
};

/* Parse tokens [begin, end). Zero with *ret_node NULL when they are not direct. */
int expr_parse(struct arena *arena, const struct tokens *tokens, size_t begin, size_t end,
               struct heed_str whole, struct roots *roots, const struct node **ret_node,
               struct heed_error *error);

/* The same from the tokens of an expression for libjq. HEED_E_NOMEM. */
int
expr_lex_roots(const struct tokens *tokens, struct heed_str whole, struct roots *roots);

/* ---- evaluation -------------------------------------------------------------------- */

struct eval {
	struct arena *arena;
	struct heed_error *error;
};

/* HEED_E_NOTFOUND for no output, HEED_E_PERMANENT for jq's errors. */
int expr_eval_node(struct eval *eval, const struct node *node, struct heed_json input,
                   struct heed_json *ret_value);
/* + - * / % on values. */
int expr_math(struct eval *eval, enum node_op op, struct heed_json a, struct heed_json b,
              struct heed_json *ret_value);
int expr_negate(struct eval *eval, struct heed_json a, struct heed_json *ret_value);
/* What jq's .[key] gives. */
int expr_index(struct eval *eval, struct heed_json value, struct heed_json key,
               struct heed_json *ret_value);
/* A bound that was left out is null. */
int expr_slice(struct eval *eval, struct heed_json value, struct heed_json from,
               struct heed_json to, struct heed_json *ret_value);
/* One step of a constant path. */
int expr_step(struct eval *eval, struct heed_json value, const struct step *step,
              struct heed_json *ret_value);

/* jq's tostring: strings as they are. Whole numbers stay exact. */
int expr_tostring(struct eval *eval, struct heed_json value, struct heed_str *ret_text);
/* A double that may be infinite or NaN, as a value. */
struct heed_json expr_real(double value);

#define EXPR_BRIEF_SIZE 15
/* The start of the value's JSON, as jq quotes it in its messages. NUL-terminated. */
const char *expr_brief(char place[EXPR_BRIEF_SIZE], struct heed_json value);

/* ---- sets -------------------------------------------------------------------------- */

struct expr {
	struct expr_set *set;
	struct expr *next;
	struct heed_str whole; /* the text that positions count in */
	struct heed_str text;  /* the expression in it */
	const struct node
		*node;        /* all of it, or what feeds libjq; NULL: the input does */
	struct heed_str feed; /* the text of that */
	struct heed_str *roots;
	size_t n_roots; /* SIZE_MAX: can't be told */
	bool direct;
	/* For libjq only: */
	bool broken; /* jq refuses it: the programs have null in its place */
	size_t slot; /* its number in the program */
	size_t skip; /* leading tokens that `node` stands for */
	bool dot;    /* and a "." goes where they were */
};

#define JQ_PROGRAM_EXPRS 256

struct jq_program {
	struct jq_state *jq; /* NULL until it is compiled */
	size_t n;            /* expressions that it holds */
};

struct expr_set {
	struct arena arena;
	struct tokens tokens; /* scratch of the text that is being read */
	struct roots names;   /* likewise */
	struct expr *first;
	struct expr **last;
	size_t n_jq;                 /* expressions for libjq */
	struct jq_program *programs; /* once they were needed */
	size_t n_programs;
	size_t cap_programs;
	int worker; /* process that runs the programs; 0 for none */
	int worker_fd;
	bool no_direct; /* tests: give everything to libjq */
};

/* expr_new for the expression that starts at `from` of `whole`, which must outlive the
 * set; *ret_end is where it ended. */
int
expr_new_at(struct expr_set *set, struct heed_str whole, size_t from, enum lex_stop stop,
            struct expr **ret_expr, size_t *ret_end, struct heed_error *error);
/* A place on the set's arena, for what lives as long as the set. */
struct arena *expr_set_arena(struct expr_set *set);

/* Compile the set's programs that lack expressions. */
int expr_jq_compile(struct expr_set *set, struct expr **ret_culprit,
                    struct heed_error *error);
int expr_jq_eval(const struct expr *expr, struct heed_json input, struct arena *arena,
                 struct heed_json *ret_value, struct heed_error *error);
void expr_jq_free(struct expr_set *set);

/* Between these two, one thread at a time, libjq finds no ~/.jq. Give back what you got.
 */
char *expr_home_hide(void);
void expr_home_show(char *home);

/* HEED_E_CONFIG with what jq says about the place `at`, in other words. Right after
 * expr_write. */
int expr_words(const struct expr *expr, size_t at, struct heed_str text,
               struct heed_error *error);

/* Append what `expr` may read of `input`. HEED_E_PERMANENT when that holds a whole number
 * that a double can't hold, which is all that jq knows; HEED_E_LIMIT when it is nested
 * too deeply or too large. */
int expr_input_write(struct heed_buf *buf, const struct expr *expr,
                     struct heed_json input, struct heed_error *error);

/* ---- the worker process (expr_worker.c, expr_serve.c) ------------------------------ */

enum worker_verdict {
	WORKER_VALUE, /* the text is the first output */
	WORKER_NOTHING,
	WORKER_ERROR, /* the text is jq's message */
	WORKER_DEEP,  /* the output is nested too deeply */
	WORKER_LARGE, /* or too large */
};

/* What goes over the socket: one of these, then `len` bytes. */
struct worker_frame {
	uint32_t what; /* to the worker: the expression's slot; back: the verdict */
	uint32_t len;
};

/* Evaluate; the reply's text goes to `reply`. HEED_E_LIMIT when it took too long or too
 * much memory, HEED_E_TRANSIENT when there can be no worker. */
int expr_worker_ask(struct expr_set *set, size_t slot, struct heed_str input,
                    struct heed_buf *reply, enum worker_verdict *ret_verdict,
                    struct heed_error *error);
/* End it, because the programs are changed or the set goes. */
void expr_worker_stop(struct expr_set *set);

/* The worker's life: serve until the other end closes. */
_Noreturn void expr_serve(const struct expr_set *set, int fd);

#endif
