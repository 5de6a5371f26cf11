/* release: the version of this tree, one text for all programs. What the enclave reports as its
 * release, and what agents register, is this text too: docs/spec/attest.md. */
#ifndef CRUST_BASE_RELEASE_H
#define CRUST_BASE_RELEASE_H

#define RELEASE "0.1.0"

#endif
