/*
 * cache.c - a hash table of entries that are also on one list, most recently used first.
 */
#include "model/cache.h"

#include <string.h>

#include "base/mem.h"

#define N_BUCKETS 4096

struct entry {
	struct id_hash key;
	int64_t until_ms;
	struct entry *chain; /* of its bucket */
	struct entry *newer;
	struct entry *older;
	size_t size;
	size_t text_len;
	size_t model_len;
	char bytes[]; /* text, then model */
};

struct cache {
	size_t bytes_max;
	size_t bytes;
	struct entry *newest;
	struct entry *oldest;
	struct entry *buckets[N_BUCKETS];
};

struct cache *
cache_new(size_t bytes_max)
{
	struct cache *cache = mem_new(sizeof(*cache));

	if (cache != NULL)
		cache->bytes_max = bytes_max;
	return cache;
}

static struct entry **
bucket_of(struct cache *cache, const struct id_hash *key)
{
	return &cache->buckets[((size_t)key->bytes[0] << 8 | key->bytes[1]) % N_BUCKETS];
}

static void
unlink_entry(struct cache *cache, struct entry *entry)
{
	if (entry->newer != NULL)
		entry->newer->older = entry->older;
	else
		cache->newest = entry->older;
	if (entry->older != NULL)
		entry->older->newer = entry->newer;
	else
		cache->oldest = entry->newer;
}

static void
push_newest(struct cache *cache, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = cache->newest;
	if (cache->newest != NULL)
		cache->newest->newer = entry;
	else
		cache->oldest = entry;
	cache->newest = entry;
}

static void
drop(struct cache *cache, struct entry *entry)
{
	struct entry **at = bucket_of(cache, &entry->key);

	while (*at != entry)
		at = &(*at)->chain;
	*at = entry->chain;
	unlink_entry(cache, entry);
	cache->bytes -= entry->size;
	mem_free(entry);
}

void
cache_free(struct cache *cache)
{
	if (cache == NULL)
		return;
	while (cache->oldest != NULL)
		drop(cache, cache->oldest);
	mem_free(cache);
}

static struct entry *
find(struct cache *cache, const struct id_hash *key)
{
	struct entry *entry = *bucket_of(cache, key);

	while (entry != NULL && memcmp(&entry->key, key, sizeof(*key)) != 0)
		entry = entry->chain;
	return entry;
}

void
cache_put(struct cache *cache, const struct id_hash *key, const struct model_reply *reply,
          int64_t until_ms)
{
	size_t size = sizeof(struct entry) + reply->text.len + reply->model.len;
	struct entry *entry = find(cache, key);
	struct entry **bucket = bucket_of(cache, key);

	if (entry != NULL)
		drop(cache, entry);
	if (size > cache->bytes_max)
		return;
	while (cache->bytes + size > cache->bytes_max)
		drop(cache, cache->oldest);
	entry = mem_alloc(size);
	if (entry == NULL)
		return;
	*entry = (struct entry){.key = *key,
	                        .until_ms = until_ms,
	                        .chain = *bucket,
	                        .size = size,
	                        .text_len = reply->text.len,
	                        .model_len = reply->model.len};
	if (entry->text_len > 0)
		memcpy(entry->bytes, reply->text.data, entry->text_len);
	if (entry->model_len > 0)
		memcpy(entry->bytes + entry->text_len, reply->model.data,
		       entry->model_len);
	*bucket = entry;
	push_newest(cache, entry);
	cache->bytes += size;
}

int
cache_get(struct cache *cache, const struct id_hash *key, int64_t now_ms,
          struct arena *arena, struct model_reply *ret_reply)
{
	struct entry *entry = find(cache, key);
	struct model_reply reply = {.class = MODEL_ANSWER, .retry_after_ms = -1};

	if (entry == NULL)
		return HEED_E_NOTFOUND;
	if (entry->until_ms <= now_ms) {
		drop(cache, entry);
		return HEED_E_NOTFOUND;
	}
	reply.text = arena_str(arena, (struct heed_str){entry->bytes, entry->text_len});
	reply.model = arena_str(arena, (struct heed_str){entry->bytes + entry->text_len,
	                                                 entry->model_len});
	if (reply.text.data == NULL || reply.model.data == NULL)
		return HEED_E_NOMEM;
	reply.shared = true;
	reply.cached = true;
	reply.price_known = true;
	unlink_entry(cache, entry);
	push_newest(cache, entry);
	*ret_reply = reply;
	return 0;
}
