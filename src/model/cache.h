/*
 * cache.h - answers kept for exactly the same question: in memory, bounded, least
 * recently used goes first. Opt-in by a model's `cache:`.
 */
#ifndef HEED_MODEL_CACHE_H
#define HEED_MODEL_CACHE_H

#include "base/id.h"
#include "model/model.h"

struct cache;

/* `bytes_max` of texts and entries. NULL without memory. */
struct cache *cache_new(size_t bytes_max);
void cache_free(struct cache *cache);
/* Keep a reply's text and model until `until_ms`; a failure to is no failure. */
void cache_put(struct cache *cache, const struct id_hash *key,
               const struct model_reply *reply, int64_t until_ms);
/* Fill *ret_reply with a free, shared, cached answer on `arena`. HEED_E_NOTFOUND,
 * HEED_E_NOMEM. */
int cache_get(struct cache *cache, const struct id_hash *key, int64_t now_ms,
              struct arena *arena, struct model_reply *ret_reply);

#endif
