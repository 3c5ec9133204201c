#!/usr/bin/env bash
# Makes the bundled model from public-domain books:  BOOKS="books/*/*.md" FOLDER=runs/ferrolm-tiny ./train.sh
# Stopped and started again, it goes on where it was.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
: "${BOOKS:?files of books, .md or .jsonl.gz, see README.md}"
folder=${FOLDER:-runs/ferrolm-tiny}
mkdir -p "$folder"

# Each step allocates and frees the same large arrays: keep the memory instead of returning it to the system (1.14x).
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000

# shellcheck disable=SC2086  # BOOKS may be several files
[ -e "$folder/train.jsonl" ] || python "$here/books.py" $BOOKS --output "$folder"
cd "$folder"
[ -e tokenizer.json ] || ferrolm train-tokenizer train.jsonl -o tokenizer.json --vocab-size 4096
for part in train validation; do
    [ -e $part.tokens ] || ferrolm prepare $part.jsonl -o $part.tokens --tokenizer tokenizer.json
done
ferrolm pretrain "$here/config.toml" -o run --resume
python "$here/export.py" run/final ferrolm-tiny
python "$here/compare.py" . ferrolm-tiny
