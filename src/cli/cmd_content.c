#include "cli/content.h"

static const struct cli_option add_options[] = {
    { "recursive", 'r', NULL, "add a folder with all it holds" },
    { "only-hash", 'n', NULL, "compute the CID, store nothing" },
    { "profile", 0, "NAME", "unixfs-v1-2025 (default) or unixfs-v0-2015 (as a plain `ipfs add`)" },
    { "hidden", 'H', NULL, "with names that begin with a dot" },
    { "quiet", 'q', NULL, "print CIDs alone" },
    { "quieter", 'Q', NULL, "print the root CID alone" },
    { "preserve-mode", 0, NULL, "keep permissions (changes the CID)" },
    { "preserve-mtime", 0, NULL, "keep modification times (changes the CID)" },
    { 0 },
};

static const struct cli_option cat_options[] = {
    { "offset", 'o', "BYTES", "begin there" },
    { "length", 'l', "BYTES", "at most so many" },
    { "offline", 0, NULL, "this machine's store only" },
    { 0 },
};

static const struct cli_option get_options[] = {
    { "output", 'o', "PATH", "where to write; default: the last part of the name" },
    { "offline", 0, NULL, "this machine's store only" },
    { 0 },
};

static const struct cli_option ls_options[] = {
    { "offline", 0, NULL, "this machine's store only" },
    { 0 },
};

static const struct cli_option import_options[] = {
    { "no-pin", 0, NULL, "do not pin the roots" },
    { 0 },
};

static const struct cli_option put_options[] = {
    { "cid-codec", 0, "NAME", "raw (default), dag-pb or dag-cbor" },
    { 0 },
};

const struct cli_verb cli_verbs_content[] = {
    { "add", "PATH...", "store files in this machine's store and pin them",
      "crust add -r ~/photos\ntar c ~/photos | crust add -", add_options, 1, CLI_ARGS_MAX,
      cmd_add_run },
    { "cat", "CID[/PATH]...", "write files to standard output",
      "crust cat CID/notes.txt\ncrust cat --offset 1M --length 100 CID", cat_options, 1,
      CLI_ARGS_MAX, cmd_read_cat },
    { "get", "CID[/PATH]", "write a file or folder to disk", "crust get CID -o photos", get_options,
      1, 1, cmd_read_get },
    { "ls", "CID[/PATH]", "list a folder: CID, size and name", "crust ls CID", ls_options, 1, 1,
      cmd_read_ls },
    { "dag export", "CID", "write a DAG to standard output as a CAR",
      "crust dag export CID > photos.car", NULL, 1, 1, cmd_dag_export },
    { "dag import", "FILE...", "take the blocks of CAR files, verified, and pin their roots",
      "crust dag import photos.car", import_options, 1, CLI_ARGS_MAX, cmd_dag_import },
    { "block get", "CID", "write one block to standard output", "crust block get CID", NULL, 1, 1,
      cmd_dag_block_get },
    { "block put", "FILE", "store one block", "crust block put --cid-codec dag-cbor block.cbor",
      put_options, 1, 1, cmd_dag_block_put },
    { "block stat", "CID", "the size of a block", "crust block stat CID", NULL, 1, 1,
      cmd_dag_block_stat },
    { 0 },
};
