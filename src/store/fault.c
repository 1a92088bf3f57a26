/*
 * fault.c - a driver around another that fails on demand, for tests of everything above
 * it.
 *
 * It has no thread, so that the nth commit is the same one in every run of a test. After
 * a cut nothing reaches the disk any more, not even the mark of an orderly close: opening
 * the file again is what a start after a power cut is.
 */
#include "store/local.h"

static int
fault_open(struct store *store, struct heed_error *error)
{
	return store->fault.inner->open(store, error);
}

static void
fault_close(struct store *store)
{
	store->fault.inner->close(store);
}

static void
fault_commit(struct store *store, struct store_tx *first)
{
	struct fault *fault = &store->fault;
	bool strikes = fault->kind != STORE_FAULT_NONE && --fault->left <= 0;

	if (fault->cut || !strikes) {
		if (fault->cut)
			transaction_fail_all(first, HEED_E_STORE, "the power is cut");
		else
			fault->inner->commit(store, first);
		return;
	}
	switch (fault->kind) {
	case STORE_FAULT_NONE:
		break;
	case STORE_FAULT_FAIL:
		fault->kind = STORE_FAULT_NONE;
		transaction_fail_all(first, HEED_E_STORE, "the store was made to fail");
		break;
	case STORE_FAULT_FULL:
		transaction_fail_all(first, HEED_E_LIMIT,
		                     "the store was made to be full");
		break;
	case STORE_FAULT_CUT_BEHIND:
		fault->inner->commit(store, first);
		fault->cut = true;
		transaction_fail_all(first, HEED_E_STORE, "the power is cut");
		break;
	case STORE_FAULT_CUT:
		fault->cut = true;
		transaction_fail_all(first, HEED_E_STORE, "the power is cut");
		break;
	}
}

void
store_fault(struct store *store, enum store_fault fault, int64_t nth)
{
	store->fault.kind = fault;
	store->fault.left = nth;
}

const struct store_driver fault_driver = {
	.prefix = "fault:",
	.open = fault_open,
	.close = fault_close,
	.commit = fault_commit,
};
