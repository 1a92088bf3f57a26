/*
 * schema_logic.c - the keywords that combine schemas for the same instance, and those
 * that refer to schemas elsewhere.
 */
#include <string.h>

#include "base/json.h"
#include "base/schema_local.h"

/* ---- references -------------------------------------------------------------------- */

bool
check_reference(struct check *check, const struct rule *rule, struct heed_json value)
{
	return check_here(check, rule->nodes[0], value);
}

static const struct node *
find_dynamic(const struct resource *resource, struct heed_str name)
{
	const struct anchor *anchor = resource->anchors;

	while (anchor != NULL && !(anchor->dynamic && str_eq(anchor->name, name)))
		anchor = anchor->next;
	return anchor != NULL ? anchor->node : NULL;
}

/* The outermost resource that was entered and has the anchor decides. */
bool
check_dynamic(struct check *check, const struct rule *rule, struct heed_json value)
{
	const struct node *target = rule->nodes[0];

	for (const struct scope *scope = check->scope;
	     scope != NULL && rule->dynamic.len > 0; scope = scope->outer) {
		const struct node *node = find_dynamic(scope->resource, rule->dynamic);

		if (node != NULL)
			target = node;
	}
	return check_here(check, target, value);
}

/* ---- alternatives ------------------------------------------------------------------ */

bool
check_all(struct check *check, const struct rule *rule, struct heed_json value)
{
	bool ok = true;

	for (uint32_t i = 0; i < rule->value->len; i++)
		ok = check_here(check, rule->nodes[i], value) && ok;
	return ok;
}

enum { NEAR, OTHER_CONSTANT, OTHER_TYPE };

static bool
is_of_constant(const struct schema_fault *fault)
{
	return str_ends(fault->keyword, "/const") || str_ends(fault->keyword, "/enum");
}

/* How far from what was meant an alternative is: another type at all, another constant
 * (such as the "kind" of a union), or something smaller. */
static int
distance(const struct check *check, const struct schema_report *report)
{
	int worst = NEAR;

	for (size_t i = 0; i < report->n; i++) {
		const struct schema_fault *fault = &report->faults[i];
		bool here = fault->at.len == check->at.len;

		if (str_ends(fault->keyword, "/type") && here)
			worst = OTHER_TYPE;
		else if (worst == NEAR && is_of_constant(fault))
			worst = OTHER_CONSTANT;
	}
	return worst;
}

static size_t
badness(const struct check *check, const struct schema_report *report)
{
	return (size_t)distance(check, report) * (SCHEMA_FAULTS_MAX + 1) + report->n;
}

static void
add_faults(struct schema_report *to, const struct schema_report *from)
{
	for (size_t i = 0; i < from->n && to->n < SCHEMA_FAULTS_MAX; i++)
		to->faults[to->n++] = from->faults[i];
}

struct alternatives {
	uint32_t fitting;
	uint32_t nearest;
	struct schema_report *trial, *best; /* NULL when nobody wants to know */
	struct schema_report *constants;    /* that they ask for */
};

/* None fits: say what is wrong with the one that was probably meant; when it has none of
 * their constants, none was, and they are named. */
static bool
none_fits(struct check *check, const struct rule *rule, const struct alternatives *found)
{
	uint32_t n = rule->value->len;

	if (found->best == NULL)
		return false;
	if (n > 1 && distance(check, found->best) == OTHER_CONSTANT) {
		(void)check_fault(check, rule,
		                  "fits none of the %u alternatives, which ask for:", n);
		add_faults(check->report, found->constants);
		return false;
	}
	if (n > 1)
		(void)check_fault(check, rule,
		                  "fits none of the %u alternatives; the nearest is "
		                  "number %u",
		                  n, found->nearest + 1);
	add_faults(check->report, found->best);
	return false;
}

/* The first fault that is about a constant. */
static void
note_constant(struct alternatives *found)
{
	struct schema_report *constants = found->constants;
	size_t i;

	for (i = 0; i < found->trial->n && constants->n < SCHEMA_FAULTS_MAX; i++) {
		if (!is_of_constant(&found->trial->faults[i]))
			continue;
		constants->faults[constants->n++] = found->trial->faults[i];
		return;
	}
}

static void
try_alternative(struct check *check, const struct rule *rule, uint32_t i,
                struct heed_json value, struct alternatives *found)
{
	struct schema_report *swap = found->best;

	if (found->trial != NULL)
		found->trial->n = 0;
	if (check_here_into(check, rule->nodes[i], value, found->trial)) {
		found->fitting++;
		return;
	}
	if (found->trial == NULL)
		return;
	note_constant(found);
	if (found->best->n == 0 ||
	    badness(check, found->trial) < badness(check, found->best)) {
		found->best = found->trial;
		found->trial = swap;
		found->nearest = i;
	}
}

/* Reports for the alternatives of a rule; false without memory. */
static bool
prepare(struct check *check, struct alternatives *found)
{
	struct schema_report *reports;

	if (check->report == NULL)
		return true;
	reports = ARENA_ARRAY(check->report->arena, struct schema_report, 3);
	if (reports == NULL) {
		check->failure = HEED_E_NOMEM;
		return false;
	}
	reports[0].arena = reports[1].arena = check->report->arena;
	found->trial = &reports[0];
	found->best = &reports[1];
	found->constants = &reports[2];
	return check_spend(check, 256);
}

bool
check_any(struct check *check, const struct rule *rule, struct heed_json value)
{
	struct alternatives found = {0};

	if (!prepare(check, &found))
		return false;
	for (uint32_t i = 0; i < rule->value->len && check->failure == 0; i++) {
		try_alternative(check, rule, i, value, &found);
		/* The others matter only to those who ask what was evaluated. */
		if (found.fitting > 0 && check->marks == NULL)
			return true;
	}
	return found.fitting > 0 || none_fits(check, rule, &found);
}

bool
check_one(struct check *check, const struct rule *rule, struct heed_json value)
{
	struct alternatives found = {0};

	if (!prepare(check, &found))
		return false;
	for (uint32_t i = 0; i < rule->value->len && check->failure == 0; i++)
		try_alternative(check, rule, i, value, &found);
	if (found.fitting == 0)
		return none_fits(check, rule, &found);
	return found.fitting == 1 ||
	       check_fault(check, rule,
	                   "fits %u of the %u alternatives, must fit exactly one",
	                   found.fitting, rule->value->len);
}

bool
check_not(struct check *check, const struct rule *rule, struct heed_json value)
{
	return !check_apart(check, rule->nodes[0], value) ||
	       check_fault(check, rule, "is what it must not be");
}

bool
check_if(struct check *check, const struct rule *rule, struct heed_json value)
{
	bool holds = check_here_into(check, rule->nodes[0], value, NULL);
	const struct rule *branch = rule->also[holds ? 0 : 1];

	return branch == NULL || check_here(check, branch->nodes[0], value);
}
