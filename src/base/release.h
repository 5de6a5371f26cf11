/* release: the version of this tree, one text for all programs. What the enclave reports as its
 * release, and what agents register, is this text too: docs/spec/attest.md. */
#ifndef CRUST_BASE_RELEASE_H
#define CRUST_BASE_RELEASE_H

#define RELEASE "0.1.0"

/* Goes up with every release: an enclave hands its keys to no release with a lower number
 * (docs/spec/handover.md 3.3). */
#define RELEASE_NUMBER 1

#endif
