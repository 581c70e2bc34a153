/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/prepared: which statements a connection has prepared, by text and parameter types, least recently
 * used last. A name is used once in the life of a connection, so an outdated one can never be meant.
 */
#include "pg_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/arena.h"

void pg_cache_init(struct pg_cache *cache, unsigned max)
{
    memset(cache, 0, sizeof *cache);
    TAILQ_INIT(&cache->entries);
    cache->max = max ? max : 1;
    cache->bucket_count = 16;
    while (cache->bucket_count < cache->max && cache->bucket_count < 65536) {
        cache->bucket_count *= 2;
    }
    cache->buckets = xcalloc(cache->bucket_count, sizeof *cache->buckets);
}

static struct pg_prepared **slot_of(struct pg_cache *cache, uint32_t hash)
{
    return &cache->buckets[hash & (cache->bucket_count - 1)];
}

void pg_cache_remove(struct pg_cache *cache, struct pg_prepared *entry)
{
    struct pg_prepared **slot = slot_of(cache, entry->hash);
    while (*slot != entry) {
        slot = &(*slot)->chain;
    }
    *slot = entry->chain;
    TAILQ_REMOVE(&cache->entries, entry, lru);
    cache->count--;
    free(entry->sql);
    free(entry->types);
    free(entry);
}

void pg_cache_clear(struct pg_cache *cache)
{
    struct pg_prepared *entry;
    while ((entry = TAILQ_FIRST(&cache->entries))) {
        pg_cache_remove(cache, entry);
    }
}

void pg_cache_fini(struct pg_cache *cache)
{
    pg_cache_clear(cache);
    free(cache->buckets);
    cache->buckets = NULL;
}

static bool is_same(const struct pg_prepared *e, const struct pg_query *q)
{
    if (e->type_count != q->param_count || strcmp(e->sql, q->sql) != 0) {
        return false;
    }
    for (unsigned i = 0; i < q->param_count; i++) {
        if (e->types[i] != q->params[i].type) {
            return false;
        }
    }
    return true;
}

struct pg_prepared *pg_cache_find(struct pg_cache *cache, const struct pg_query *q)
{
    uint32_t hash = text_hash(q->sql);
    struct pg_prepared *e = *slot_of(cache, hash);
    while (e && !(e->hash == hash && is_same(e, q))) {
        e = e->chain;
    }
    if (e && e != TAILQ_FIRST(&cache->entries)) {
        TAILQ_REMOVE(&cache->entries, e, lru);
        TAILQ_INSERT_HEAD(&cache->entries, e, lru);
    }
    return e;
}

void pg_cache_rename(struct pg_cache *cache, struct pg_prepared *entry)
{
    snprintf(entry->name, sizeof entry->name, "dppr_%u", ++cache->serial);
    entry->is_ready = false;
}

struct pg_prepared *pg_cache_add(struct pg_cache *cache, const struct pg_query *q)
{
    struct pg_prepared *e = xcalloc(1, sizeof *e);
    e->hash = text_hash(q->sql);
    e->sql = xstrdup(q->sql);
    e->type_count = q->param_count;
    e->types = xcalloc(q->param_count + 1, sizeof *e->types);
    for (unsigned i = 0; i < q->param_count; i++) {
        e->types[i] = q->params[i].type;
    }
    pg_cache_rename(cache, e);
    struct pg_prepared **slot = slot_of(cache, e->hash);
    e->chain = *slot;
    *slot = e;
    TAILQ_INSERT_HEAD(&cache->entries, e, lru);
    cache->count++;
    return e;
}

struct pg_prepared *pg_cache_oldest(struct pg_cache *cache)
{
    return cache->count < cache->max ? NULL : TAILQ_LAST(&cache->entries, pg_prepared_list);
}
