/* dag_json: DAG-JSON (ipld.io/specs/codecs/dag-json) from and to canonical DAG-CBOR, which is how
 * the rest of the tree reads values. Links are {"/":"CID"}, bytes {"/":{"bytes":"base64"}}.
 *
 * Reading takes any JSON layout: blank space, keys in any order, any escapes. Refused: keys that
 * come twice, a key "/" in any other form, text that is not UTF-8, integers beyond 64 bits and
 * their sign, floats beyond a double, anything after the value. Writing is canonical: no blanks,
 * keys in the order of their bytes, floats in the shortest form that reads back the same (with
 * ".0" or an exponent, so that they stay floats). Pure, without recursion or allocation. */
#ifndef CRUST_CODEC_DAG_JSON_H
#define CRUST_CODEC_DAG_JSON_H

#include "codec/cbor.h"

/* Scratch for sorting maps: enough for any value of n bytes of either codec. */
#define DAG_JSON_SCRATCH(n) (12 * (size_t)(n) + 64)

/* dag_json_from_cbor writes the value as JSON text.
 * Returns: OK; as cbor_validate (lenient) fails; ERR_FORMAT (a key "/", text that is not UTF-8);
 *          ERR_LIMIT (w, scratch, or nested deeper than CBOR_DEPTH_MAX). */
NODISCARD enum err dag_json_from_cbor(struct writer *w, struct span cbor, struct mspan scratch);

/* dag_json_to_cbor writes the value as canonical DAG-CBOR.
 * Returns: OK, ERR_SHORT, ERR_TRAILING, ERR_FORMAT, ERR_RANGE (a number), ERR_LIMIT as above. */
NODISCARD enum err dag_json_to_cbor(struct writer *w, struct span json, struct mspan scratch);

#endif
