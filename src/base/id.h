/*
 * id.h - identifiers and digests.
 */
#ifndef HEED_BASE_ID_H
#define HEED_BASE_ID_H

#include "base/str.h"
#include "heed.h"

#define ID_UUID_SIZE 37   /* with the NUL */
#define ID_DIGEST_SIZE 32 /* SHA-256 */

/* Random bytes from the kernel; aborts the process when there are none. */
void id_random(void *bytes, size_t len);
/* A random UUID, version 7 of RFC 9562: sorts by `wall_us`. */
struct heed_str id_uuid7(char place[ID_UUID_SIZE], int64_t wall_us);
/* A named UUID, version 5 of RFC 9562: the same for the same 16-byte space and name. */
struct heed_str
id_uuid5(char place[ID_UUID_SIZE], const unsigned char space[16], struct heed_str name);
/* heed's own name space for effect keys and emitted events' ids. */
extern const unsigned char id_space[16];

/* SHA-256, and HMAC with it (RFC 2104). */
void id_sha256(struct heed_str data, unsigned char ret_digest[ID_DIGEST_SIZE]);
void id_hmac_sha256(struct heed_str key, struct heed_str data,
                    unsigned char ret_digest[ID_DIGEST_SIZE]);
/* The first 128 bits of the SHA-256 of the parts, each preceded by its length. */
struct id_hash {
	unsigned char bytes[16];
};
struct id_hash id_hash_parts(const struct heed_str *parts, size_t n);
/* Compare without leaking where they differ. */
bool id_equal(const void *a, const void *b, size_t len);

#endif
