# Completion of bulk for fish. The lists are checked against the program by src/completions_test.cc.

function __bulk_stages
    sed -n 's/^\[stages\."\{0,1\}\([A-Za-z0-9._-]*\)"\{0,1\}\].*/\1/p' bulk.toml 2>/dev/null
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
complete -c bulk -n __fish_use_subcommand -l version -d 'print the version'
complete -c bulk -s h -l help -d 'print help'

complete -c bulk -n '__fish_seen_subcommand_from restore verify inspect' -a latest
set -l all backup restore copy verify diff list history inspect cat drop
set -l moving backup restore copy verify diff cat drop
set -l scanning backup copy verify diff cat drop
complete -c bulk -n "__fish_seen_subcommand_from $all" -l config -r -d 'use this bulk.toml'
complete -c bulk -n "__fish_seen_subcommand_from $all" -l stage -x -a '(__bulk_stages)' -d 'a stage of bulk.toml'
complete -c bulk -n "__fish_seen_subcommand_from $all" -l json -d 'JSON lines on standard output'
complete -c bulk -n "__fish_seen_subcommand_from $all" -s q -l quiet -d 'nothing but errors and warnings'
complete -c bulk -n "__fish_seen_subcommand_from $all" -s v -l verbose -d 'more often a line of progress'
complete -c bulk -n "__fish_seen_subcommand_from $moving" -l profile -x -d 'AWS profile'
complete -c bulk -n "__fish_seen_subcommand_from $moving" -l region -x -d 'AWS region'
complete -c bulk -n "__fish_seen_subcommand_from $moving" -l endpoint-url -x -d 'where DynamoDB answers'
complete -c bulk -n "__fish_seen_subcommand_from $moving" -s j -l jobs -x -d 'parallel work on this machine'
complete -c bulk -n "__fish_seen_subcommand_from $moving" -l memory -x -d 'hard bound of buffers'
complete -c bulk -n "__fish_seen_subcommand_from $moving" -l bwlimit -x -d 'bytes of records per second'
complete -c bulk -n "__fish_seen_subcommand_from $moving" -l stall-timeout -x -d 'give up when nothing has moved for so long'
complete -c bulk -n "__fish_seen_subcommand_from $moving" -l capacity-percent -x -d 'share of a capacity'
complete -c bulk -n "__fish_seen_subcommand_from $scanning" -l segments -x -d 'segments of a scan'
complete -c bulk -n "__fish_seen_subcommand_from $scanning" -l max-rcu -x -d 'read units per second'
complete -c bulk -n '__fish_seen_subcommand_from backup restore copy verify diff drop' -l progress -x -a 'auto bar plain none' -d 'how progress is shown'
complete -c bulk -n '__fish_seen_subcommand_from backup restore cat drop' -l table -x -d 'table within the stage'
complete -c bulk -n '__fish_seen_subcommand_from backup copy cat' -l consistent-read -d 'strongly consistent reads'
complete -c bulk -n '__fish_seen_subcommand_from backup restore' -l to -r -d 'where it is written'
complete -c bulk -n '__fish_seen_subcommand_from backup' -l level -x -d 'zstd level'
complete -c bulk -n '__fish_seen_subcommand_from backup restore copy' -l resume -d 'go on with an unfinished run'
complete -c bulk -n '__fish_seen_subcommand_from backup restore copy drop' -l reason -x -d 'why, for bulk history'
complete -c bulk -n '__fish_seen_subcommand_from backup restore copy drop' -s n -l dry-run -d 'change nothing'
complete -c bulk -n '__fish_seen_subcommand_from backup restore copy' -l no-verify -d 'do not read back'
complete -c bulk -n '__fish_seen_subcommand_from restore copy verify diff cat drop' -l key -x -d 'a key'
complete -c bulk -n '__fish_seen_subcommand_from restore copy' -l create -d 'make the table'
complete -c bulk -n '__fish_seen_subcommand_from restore copy' -l force -d 'replace records with the same key'
complete -c bulk -n '__fish_seen_subcommand_from restore copy' -l only-missing -d 'leave records alone whose key is there'
complete -c bulk -n '__fish_seen_subcommand_from restore copy' -l rejects -r -d 'write bad records here'
complete -c bulk -n '__fish_seen_subcommand_from restore copy' -l max-rejects -x -d 'give up after so many'
complete -c bulk -n '__fish_seen_subcommand_from restore copy' -l max-wcu -x -d 'write units per second'
complete -c bulk -n '__fish_seen_subcommand_from restore copy drop' -s y -l yes -d 'do not ask'
complete -c bulk -n '__fish_seen_subcommand_from restore copy drop' -l confirm -x -a '(__bulk_stages)' -d 'the table of this protected stage'
complete -c bulk -n '__fish_seen_subcommand_from verify' -l against -r -d 'the table'
complete -c bulk -n '__fish_seen_subcommand_from cat history' -l limit -x -d 'at most so many'
complete -c bulk -n '__fish_seen_subcommand_from drop' -l backed-up-by -r -d 'the dump'
