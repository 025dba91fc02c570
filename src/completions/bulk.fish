# Completion of bulk for fish. The lists are checked against the program by src/completions_test.cc.

function __bulk_stages
    sed -n 's/^\[stages\."\{0,1\}\([A-Za-z0-9._-]*\)"\{0,1\}\].*/\1/p' bulk.toml 2>/dev/null
end

# Whether the command line is of one of these commands; `backfill-run` is `bulk backfill run`.
function __bulk_is
    set -l words (commandline -opc)
    set -l command $words[2]
    test "$command" = backfill; and set command backfill-$words[3]
    contains -- "$command" $argv
end

function __bulk_wants_backfill
    set -l words (commandline -opc)
    test (count $words) -eq 2; and test "$words[2]" = backfill
end

complete -c bulk -n __fish_use_subcommand -f -a backup -d 'read a table, write a dump'
complete -c bulk -n __fish_use_subcommand -f -a restore -d 'write a dump into a table'
complete -c bulk -n __fish_use_subcommand -f -a copy -d 'copy a table into another, no file between'
complete -c bulk -n __fish_use_subcommand -f -a verify -d 'prove that a dump is whole, or that a table holds exactly its records'
complete -c bulk -n __fish_use_subcommand -f -a diff -d 'which records differ between two tables or dumps'
complete -c bulk -n __fish_use_subcommand -f -a list -d 'list the dumps of backup_dir'
complete -c bulk -n __fish_use_subcommand -f -a history -d 'list what was done'
complete -c bulk -n __fish_use_subcommand -f -a inspect -d 'show metadata, schema and frames of a dump'
complete -c bulk -n __fish_use_subcommand -f -a cat -d 'print records as JSON lines'
complete -c bulk -n __fish_use_subcommand -f -a drop -d 'delete a table that a dump backs up'
complete -c bulk -n __fish_use_subcommand -f -a backfill -d 'change every record of a live table'
complete -c bulk -n __bulk_wants_backfill -f -a create -d 'write a commented job file'
complete -c bulk -n __bulk_wants_backfill -f -a run -d 'change every record as the job says'
complete -c bulk -n __bulk_wants_backfill -f -a verify -d 'prove that nothing is left to do'
complete -c bulk -n __bulk_wants_backfill -f -a rollback -d 'write back what a job has changed'
complete -c bulk -n __bulk_wants_backfill -f -a status -d 'how far a job is, or all jobs'
complete -c bulk -n __fish_use_subcommand -l version -d 'print the version'
complete -c bulk -s h -l help -d 'print help'

complete -c bulk -n '__bulk_is restore verify inspect' -a latest
set -l jobs backfill-run backfill-verify backfill-rollback
set -l changing backfill-run backfill-rollback
set -l all backup restore copy verify diff list history inspect cat drop backfill-create backfill-status $jobs
set -l moving backup restore copy verify diff cat drop $jobs
set -l scanning backup copy verify diff cat drop $jobs
complete -c bulk -n "__bulk_is $all" -l config -r -d 'use this bulk.toml'
complete -c bulk -n "__bulk_is $all" -l stage -x -a '(__bulk_stages)' -d 'a stage of bulk.toml'
complete -c bulk -n "__bulk_is $all" -l json -d 'JSON lines on standard output'
complete -c bulk -n "__bulk_is $all" -s q -l quiet -d 'nothing but errors and warnings'
complete -c bulk -n "__bulk_is $all" -s v -l verbose -d 'more often a line of progress'
complete -c bulk -n "__bulk_is backfill-status $moving" -l profile -x -d 'AWS profile'
complete -c bulk -n "__bulk_is backfill-status $moving" -l region -x -d 'AWS region'
complete -c bulk -n "__bulk_is backfill-status $moving" -l endpoint-url -x -d 'where DynamoDB answers'
complete -c bulk -n "__bulk_is $moving" -s j -l jobs -x -d 'parallel work on this machine'
complete -c bulk -n "__bulk_is $moving" -l memory -x -d 'hard bound of buffers'
complete -c bulk -n "__bulk_is $moving" -l bwlimit -x -d 'bytes of records per second'
complete -c bulk -n "__bulk_is $moving" -l stall-timeout -x -d 'give up when nothing has moved for so long'
complete -c bulk -n "__bulk_is $moving" -l capacity-percent -x -d 'share of a capacity'
complete -c bulk -n "__bulk_is $scanning" -l segments -x -d 'segments of a scan'
complete -c bulk -n "__bulk_is $scanning" -l max-rcu -x -d 'read units per second'
complete -c bulk -n "__bulk_is backup restore copy verify diff drop $jobs" -l progress -x -a 'auto bar plain none' -d 'how progress is shown'
complete -c bulk -n "__bulk_is backup restore cat drop backfill-status $jobs" -l table -x -d 'table within the stage'
complete -c bulk -n "__bulk_is backup copy cat $jobs" -l consistent-read -d 'strongly consistent reads'
complete -c bulk -n "__bulk_is backup restore backfill-create" -l to -r -d 'where it is written'
complete -c bulk -n "__bulk_is backup backfill-run" -l level -x -d 'zstd level'
complete -c bulk -n '__bulk_is backup restore copy' -l resume -d 'go on with an unfinished run'
complete -c bulk -n "__bulk_is backup restore copy drop $jobs" -l reason -x -d 'why, for bulk history'
complete -c bulk -n "__bulk_is backup restore copy drop $changing" -s n -l dry-run -d 'change nothing'
complete -c bulk -n '__bulk_is backup restore copy' -l no-verify -d 'do not read back'
complete -c bulk -n '__bulk_is restore copy verify diff cat drop' -l key -x -d 'a key'
complete -c bulk -n '__bulk_is restore copy' -l create -d 'make the table'
complete -c bulk -n '__bulk_is restore copy' -l force -d 'replace records with the same key'
complete -c bulk -n '__bulk_is restore copy' -l no-owner -d 'without owners and privileges'
complete -c bulk -n '__bulk_is backup' -l not-consistent -d 'with --resume: the rest is of another time'
complete -c bulk -n '__bulk_is restore copy' -l only-missing -d 'leave records alone whose key is there'
complete -c bulk -n "__bulk_is restore copy $changing" -l rejects -r -d 'write bad records here'
complete -c bulk -n "__bulk_is restore copy $changing" -l max-rejects -x -d 'give up after so many'
complete -c bulk -n "__bulk_is restore copy $changing" -l max-wcu -x -d 'write units per second'
complete -c bulk -n "__bulk_is restore copy drop $changing" -s y -l yes -d 'do not ask'
complete -c bulk -n "__bulk_is restore copy drop $changing" -l confirm -x -a '(__bulk_stages)' -d 'the table of this protected stage'
complete -c bulk -n '__bulk_is verify' -l against -r -d 'the table'
complete -c bulk -n "__bulk_is cat history backfill-run" -l limit -x -d 'at most so many'
complete -c bulk -n '__bulk_is drop' -l backed-up-by -r -d 'the dump'
complete -c bulk -n '__bulk_is backup restore copy backfill-run backfill-verify' -l where -x -d 'only records for which this holds'
complete -c bulk -n '__bulk_is backup restore copy' -l transform -r -d 'change records as this job says'
complete -c bulk -n '__bulk_is backfill-run' -l sample -x -d 'with --dry-run, look at so many'
complete -c bulk -n '__bulk_is backfill-run' -l until -x -d 'stop at this time of day'
complete -c bulk -n '__bulk_is backfill-run' -l backup-first -d 'take a dump before'
complete -c bulk -n '__bulk_is backfill-run' -l write -x -a 'update put' -d 'how records are written'
