/*
 * routes.c - which definitions want an event, by its type.
 *
 * Every type that is named somewhere has its list: who names it, and whose pattern
 * ("order_*") takes it, in the order of the configuration. Any other type has the list of
 * those with patterns, to be tried by routes_take. The last word is the definition's own
 * (`wants`).
 */
#include "base/mem.h"
#include "engine/core.h"

struct route {
	struct map_node node;
	struct route *next;
	struct heed_str type;
	struct route_list list;
};

struct routes {
	struct arena arena;
	struct map types;
	struct route *all;
	struct route_list others;
};

static bool
is_pattern(struct heed_str type)
{
	return str_ends(type, "*");
}

bool
routes_take(const struct definition *definition, struct heed_str type)
{
	size_t i;

	for (i = 0; i < definition->n_types; i++)
		if (event_type_matches(definition->types[i], type))
			return true;
	return definition->n_types == 0;
}

/* May it take a type that nobody names? */
static bool
takes_others(const struct definition *definition, struct heed_str type)
{
	size_t i;

	for (i = 0; i < definition->n_types; i++)
		if (is_pattern(definition->types[i]))
			return true;
	return definition->n_types == 0;
}

static struct route *
find(const struct routes *routes, struct heed_str type)
{
	struct map_node *node = map_find(&routes->types, str_hash(type));

	for (; node != NULL; node = map_more(node)) {
		struct route *route = MAP_OWNER(node, struct route, node);

		if (str_eq(route->type, type))
			return route;
	}
	return NULL;
}

/* A route for each type that the definition names. */
static int
name_types(struct routes *routes, const struct definition *definition)
{
	size_t i;

	for (i = 0; i < definition->n_types; i++) {
		struct heed_str type = definition->types[i];
		struct route *route;

		if (is_pattern(type) || find(routes, type) != NULL)
			continue;
		route = ARENA_NEW(&routes->arena, struct route);
		if (route == NULL)
			return HEED_E_NOMEM;
		route->type = arena_str(&routes->arena, type);
		if (route->type.data == NULL)
			return HEED_E_NOMEM;
		route->next = routes->all;
		routes->all = route;
		map_add(&routes->types, &route->node, str_hash(type));
	}
	return 0;
}

typedef bool takes_fn(const struct definition *definition, struct heed_str type);

static int
fill(struct routes *routes, struct route_list *list,
     struct definition *const *definitions, size_t n, takes_fn *wanted,
     struct heed_str type)
{
	size_t found = 0;
	size_t i;

	for (i = 0; i < n; i++)
		found += wanted(definitions[i], type);
	list->items = ARENA_ARRAY(&routes->arena, struct definition *, found);
	if (list->items == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < n; i++)
		if (wanted(definitions[i], type))
			list->items[list->n++] = definitions[i];
	return 0;
}

int
routes_new(struct definition *const *definitions, size_t n, struct routes **ret_routes)
{
	struct routes *routes = mem_new(sizeof(*routes));
	struct heed_str none = {NULL, 0};
	struct route *route;
	int r = 0;
	size_t i;

	if (routes == NULL)
		return HEED_E_NOMEM;
	arena_init(&routes->arena, 0);
	for (i = 0; i < n && r == 0; i++)
		r = name_types(routes, definitions[i]);
	if (r == 0)
		r = fill(routes, &routes->others, definitions, n, takes_others, none);
	for (route = routes->all; route != NULL && r == 0; route = route->next)
		r = fill(routes, &route->list, definitions, n, routes_take, route->type);
	if (r < 0) {
		routes_free(routes);
		return r;
	}
	*ret_routes = routes;
	return 0;
}

void
routes_free(struct routes *routes)
{
	if (routes == NULL)
		return;
	map_done(&routes->types);
	arena_done(&routes->arena);
	mem_free(routes);
}

const struct route_list *
routes_find(const struct routes *routes, struct heed_str type)
{
	const struct route *route = find(routes, type);

	return route != NULL ? &route->list : &routes->others;
}
