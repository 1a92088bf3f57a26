/*
 * id.c - see id.h. Digests are OpenSSL's.
 */
#include "base/id.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Drawn once at random for heed. */
const unsigned char id_space[16] = {0x8c, 0x4e, 0x1f, 0x0b, 0x53, 0x0d, 0x4a, 0x6e,
                                    0x9a, 0x27, 0x3d, 0xe1, 0x5b, 0x70, 0xc6, 0x12};

void
id_random(void *bytes, size_t len)
{
	unsigned char *at = bytes;

	while (len > 0) {
		ssize_t got = getrandom(at, len, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			abort();
		at += got;
		len -= (size_t)got;
	}
}

static struct heed_str
write_uuid(char place[ID_UUID_SIZE], const unsigned char b[16])
{
	static const char hex[] = "0123456789abcdef";
	char *to = place;
	int i;

	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*to++ = '-';
		*to++ = hex[b[i] >> 4];
		*to++ = hex[b[i] & 15];
	}
	*to = '\0';
	return (struct heed_str){place, ID_UUID_SIZE - 1};
}

static void
mark_uuid(unsigned char bytes[16], unsigned char version)
{
	bytes[6] = (unsigned char)((bytes[6] & 0x0f) | version << 4);
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
}

struct heed_str
id_uuid7(char place[ID_UUID_SIZE], int64_t wall_us)
{
	unsigned char bytes[16];
	uint64_t ms = (uint64_t)(wall_us / 1000);
	int i;

	id_random(bytes + 6, 10);
	for (i = 0; i < 6; i++)
		bytes[i] = (unsigned char)(ms >> (40 - 8 * i));
	mark_uuid(bytes, 7);
	return write_uuid(place, bytes);
}

/* ---- digests ----------------------------------------------------------------------- */

/* OpenSSL looks an algorithm up at each use unless it was fetched, and a context costs
 * more than a short digest: one of each for all. */
static EVP_MD *sha1, *sha256;
static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static pthread_key_t context_key;

static void
free_context(void *context)
{
	EVP_MD_CTX_free(context);
}

static void
fetch(void)
{
	sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (sha1 == NULL || sha256 == NULL ||
	    pthread_key_create(&context_key, free_context) != 0)
		abort();
}

/* This thread's context, begun. Which algorithm is told by its place. */
static EVP_MD_CTX *
begin_digest(EVP_MD *const *algorithm)
{
	EVP_MD_CTX *context;

	(void)pthread_once(&fetched, fetch);
	context = pthread_getspecific(context_key);
	if (context == NULL) {
		context = EVP_MD_CTX_new();
		if (context == NULL || pthread_setspecific(context_key, context) != 0)
			abort();
	}
	if (EVP_DigestInit_ex(context, *algorithm, NULL) != 1)
		abort();
	return context;
}

static void
add_digest(EVP_MD_CTX *context, const void *data, size_t len)
{
	if (EVP_DigestUpdate(context, data, len) != 1)
		abort();
}

static void
end_digest(EVP_MD_CTX *context, unsigned char digest[EVP_MAX_MD_SIZE])
{
	if (EVP_DigestFinal_ex(context, digest, NULL) != 1)
		abort();
}

struct heed_str
id_uuid5(char place[ID_UUID_SIZE], const unsigned char space[16], struct heed_str name)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = begin_digest(&sha1);

	add_digest(context, space, 16);
	add_digest(context, name.data, name.len);
	end_digest(context, digest);
	mark_uuid(digest, 5);
	return write_uuid(place, digest);
}

void
id_sha256(struct heed_str data, unsigned char ret_digest[ID_DIGEST_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = begin_digest(&sha256);

	add_digest(context, data.data, data.len);
	end_digest(context, digest);
	memcpy(ret_digest, digest, ID_DIGEST_SIZE);
}

void
id_hmac_sha256(struct heed_str key, struct heed_str data,
               unsigned char ret_digest[ID_DIGEST_SIZE])
{
	if (HMAC(EVP_sha256(), key.data != NULL ? key.data : "", (int)key.len,
	         (const unsigned char *)data.data, data.len, ret_digest, NULL) == NULL)
		abort();
}

struct id_hash
id_hash_parts(const struct heed_str *parts, size_t n)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = begin_digest(&sha256);
	struct id_hash hash;
	size_t i;

	for (i = 0; i < n; i++) {
		uint64_t len = parts[i].len;

		add_digest(context, &len, sizeof(len));
		add_digest(context, parts[i].data, parts[i].len);
	}
	end_digest(context, digest);
	memcpy(hash.bytes, digest, sizeof(hash.bytes));
	return hash;
}

bool
id_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}
