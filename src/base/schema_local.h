/*
 * schema_local.h - what the schema_*.c files share.
 *
 * schema.c keeps documents and life; schema_walk.c makes a tree of nodes and rules out of
 * a document; schema_link.c joins references to nodes; schema_keyword.c is the table of
 * keywords; schema_check.c walks an instance, and schema_value.c, schema_inside.c and
 * schema_logic.c hold the keywords' checks.
 */
#ifndef HEED_BASE_SCHEMA_LOCAL_H
#define HEED_BASE_SCHEMA_LOCAL_H

#include "base/arena.h"
#include "base/format.h"
#include "base/pattern.h"
#include "base/schema.h"
#include "base/str.h"

/* ---- keywords ---------------------------------------------------------------------- */

/* What a keyword's value must be. */
enum value_kind {
	VALUE_ANY,
	VALUE_SCHEMA,
	VALUE_SCHEMAS,
	VALUE_SCHEMA_MAP,
	VALUE_PATTERN_MAP,
	VALUE_TEXT,
	VALUE_TEXTS,
	VALUE_TEXTS_MAP,
	VALUE_COUNT,
	VALUE_NUMBER,
	VALUE_POSITIVE,
	VALUE_BOOLEAN,
	VALUE_LIST,
	VALUE_TYPE,
	VALUE_PATTERN,
	VALUE_FORMAT,
	VALUE_REFERENCE,
	VALUE_ID,
	VALUE_ANCHOR,
	VALUE_VOCABULARIES,
};

enum vocabulary {
	VOCABULARY_CORE = 1,
	VOCABULARY_APPLICATOR = 2,
	VOCABULARY_UNEVALUATED = 4,
	VOCABULARY_VALIDATION = 8,
	VOCABULARY_FORMAT = 16,
	VOCABULARY_OTHER = 32, /* content, meta-data: nothing of them is checked */
	VOCABULARY_FORMAT_ASSERTION = 64,
	VOCABULARY_ALL = 63,
};

/* Kinds of instances that a keyword says something about. */
enum {
	ON_NUMBER = 1 << HEED_INT | 1 << HEED_UINT | 1 << HEED_REAL,
	ON_STRING = 1 << HEED_STRING,
	ON_ARRAY = 1 << HEED_ARRAY,
	ON_OBJECT = 1 << HEED_OBJECT,
	ON_ALL = 255,
};

struct check;
struct rule;

struct keyword {
	const char *name;
	enum value_kind value;
	unsigned vocabulary;
	unsigned on; /* 0: it checks nothing by itself */
	bool (*check)(struct check *check, const struct rule *rule,
	              struct heed_json value);
	const char *also[2]; /* others that the check looks at */
	bool here;           /* its schemas apply to the same instance */
};

/* In the order in which they are checked: unevaluated... last. */
extern const struct keyword schema_keywords[];
extern const size_t schema_n_keywords;

/* ---- what a document is made into -------------------------------------------------- */

struct node;

/* One keyword of one schema. */
struct rule {
	const struct keyword *keyword;
	const struct node *owner;
	const struct heed_json *value;
	const struct node *
		*nodes; /* subschemas, in the order of `value`; or the target */
	struct pattern **patterns; /* of a pattern, or of the names of a mapping */
	const struct format *format;
	const struct rule *also[2]; /* as keyword->also; NULL where absent */
	struct heed_str dynamic;    /* $dynamicRef: the anchor's name, or empty */
};

enum node_kind { NODE_RULES, NODE_TRUE, NODE_FALSE, NODE_META };

struct anchor {
	struct anchor *next;
	struct heed_str name;
	const struct node *node;
	bool dynamic;
};

/* A schema with a URI of its own, and what is below it up to the next one. */
struct resource {
	struct resource *next;
	struct heed_str uri; /* without fragment; may be empty */
	const struct heed_json *root;
	struct heed_str at; /* of the root, as in struct node */
	struct anchor *anchors;
	unsigned vocabularies;
};

/* Another URI of a resource: where its document was taken from. */
struct alias {
	struct alias *next;
	struct heed_str uri;
	struct resource *resource;
};

struct node {
	struct node *next_same_hash;
	struct node *next; /* in the order in which they were made */
	const struct heed_json *source;
	struct resource *resource;
	struct heed_str at; /* JSON Pointer in the document; URI#pointer in others */
	enum node_kind kind;
	struct rule *rules;
	uint32_t n_rules;
	uint8_t mark; /* of the search for circles */
};

#define NODE_HASH_SIZE 1024

struct schema {
	struct heed_json document;
	const struct schema_library *library;
	unsigned flags;
	struct arena arena;
	struct node *root;
	struct node *first, **last;
	struct node *hash[NODE_HASH_SIZE];
	struct resource *resources;
	struct alias *aliases;
	struct pattern **patterns; /* all, to be freed */
	size_t n_patterns, cap_patterns;
	struct rule **references; /* not yet joined to a node */
	size_t n_references, cap_references;
	int depth;  /* of the walk */
	bool marks; /* some keyword asks what others have evaluated */
};

struct schema_document {
	struct schema_document *next;
	struct heed_str uri, id; /* id: the document's own; may be empty */
	struct heed_json value;
};

struct schema_library {
	struct arena arena;
	struct schema_document *first;
};

/* ---- reading ----------------------------------------------------------------------- */

/* A flag beside those of schema.h: only the meta-schema counts, references may dangle. */
#define SCHEMA_SYNTAX 256

#define META_SCHEMA "https://json-schema.org/draft/2020-12/schema"

/* The kinds of failures of a document, at `at`/`name`. */
int schema_wrong(struct heed_error *error, struct heed_str at, const char *name,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));
/* `at` with one more token. {NULL, 0} without memory. */
struct heed_str
schema_place(struct schema *schema, struct heed_str at, struct heed_str token);
/* The rule of `node` for a keyword, or NULL. */
const struct rule *schema_rule(const struct node *node, const char *keyword);

/* Make nodes of `value` and all below it. `resource` is what it is in; NULL for the root
 * of a document at `uri`. */
int schema_walk(struct schema *schema, const struct heed_json *value, struct heed_str at,
                struct resource *resource, struct heed_str uri,
                const struct node **ret_node, struct heed_error *error);
struct node *schema_find_node(const struct schema *schema, const struct heed_json *value);
struct resource *schema_find_resource(const struct schema *schema, struct heed_str uri);
/* The library's document at `uri`, or NULL. */
const struct schema_document *
schema_library_find(const struct schema_library *library, struct heed_str uri);
/* The vocabularies that a $schema of this value brings. HEED_E_CONFIG. */
int schema_dialect(const struct schema *schema, struct heed_str uri, struct heed_str at,
                   unsigned *ret_vocabularies, struct heed_error *error);

/* Is `value` a schema as the meta-schema has it? References are not followed. */
int schema_syntax(struct heed_json value, struct heed_error *error);

/* Join all references, reading further documents as needed; then look for circles. */
int schema_link(struct schema *schema, struct heed_error *error);

/* ---- checking ---------------------------------------------------------------------- */

/* The resources that were entered, innermost first, for $dynamicRef. */
struct scope {
	const struct resource *resource;
	const struct scope *outer;
};

/* What of an array or object has been evaluated: a bit an item, in check->bits. */
struct marks {
	size_t at;
	size_t words;
};

struct check {
	const struct schema *schema;
	struct schema_report *report; /* NULL: only the verdict counts */
	struct heed_buf at;           /* JSON Pointer into the instance */
	const struct scope *scope;
	struct marks *marks; /* of the instance in hand; NULL: nobody asks */
	uint64_t *bits;
	size_t n_bits, cap_bits; /* in words */
	int64_t work;            /* steps left */
	int depth;
	int failure; /* HEED_E_LIMIT, HEED_E_NOMEM: the verdict is void */
};

/* Record a fault; always false. */
bool check_fault(struct check *check, const struct rule *rule, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Take steps; false when there are none left. */
bool check_spend(struct check *check, int64_t steps);
/* Apply a schema to the same instance: what it evaluates counts. */
bool check_here(struct check *check, const struct node *node, struct heed_json value);
/* The same, with its faults in `report`, which may be NULL. */
bool check_here_into(struct check *check, const struct node *node, struct heed_json value,
                     struct schema_report *report);
/* Apply a schema to something else, quietly: only the verdict counts. */
bool check_apart(struct check *check, const struct node *node, struct heed_json value);
/* Apply a schema to a member or item. */
bool check_member(struct check *check, const struct node *node, struct heed_str name,
                  struct heed_json value);
bool check_item(struct check *check, const struct node *node, uint32_t i,
                struct heed_json value);
/* The start of the JSON of a value for messages, on the report's arena. */
struct heed_str check_text(const struct check *check, struct heed_json value);
bool
check_matches(struct check *check, const struct pattern *pattern, struct heed_str text);
void check_mark(struct check *check, uint32_t i);
bool check_is_marked(const struct check *check, uint32_t i);

/* The keywords' checks: schema_value.c (types, numbers, strings), schema_inside.c
 * (arrays, objects), schema_logic.c (combinations, references). */
bool check_type(struct check *, const struct rule *, struct heed_json);
bool check_enum(struct check *, const struct rule *, struct heed_json);
bool check_const(struct check *, const struct rule *, struct heed_json);
bool check_bound(struct check *, const struct rule *, struct heed_json);
bool check_multiple(struct check *, const struct rule *, struct heed_json);
bool check_length(struct check *, const struct rule *, struct heed_json);
bool check_pattern(struct check *, const struct rule *, struct heed_json);
bool check_format(struct check *, const struct rule *, struct heed_json);
bool check_size(struct check *, const struct rule *, struct heed_json);
bool check_unique(struct check *, const struct rule *, struct heed_json);
bool check_contains(struct check *, const struct rule *, struct heed_json);
bool check_prefix(struct check *, const struct rule *, struct heed_json);
bool check_items(struct check *, const struct rule *, struct heed_json);
bool check_required(struct check *, const struct rule *, struct heed_json);
bool check_dependent_required(struct check *, const struct rule *, struct heed_json);
bool check_dependent_schemas(struct check *, const struct rule *, struct heed_json);
bool check_names(struct check *, const struct rule *, struct heed_json);
bool check_properties(struct check *, const struct rule *, struct heed_json);
bool check_patterns(struct check *, const struct rule *, struct heed_json);
bool check_additional(struct check *, const struct rule *, struct heed_json);
bool check_unevaluated_items(struct check *, const struct rule *, struct heed_json);
bool check_unevaluated_members(struct check *, const struct rule *, struct heed_json);
bool check_reference(struct check *, const struct rule *, struct heed_json);
bool check_dynamic(struct check *, const struct rule *, struct heed_json);
bool check_all(struct check *, const struct rule *, struct heed_json);
bool check_any(struct check *, const struct rule *, struct heed_json);
bool check_one(struct check *, const struct rule *, struct heed_json);
bool check_not(struct check *, const struct rule *, struct heed_json);
bool check_if(struct check *, const struct rule *, struct heed_json);

#endif
