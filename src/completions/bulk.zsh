#compdef bulk
# Completion of bulk for zsh. The lists are checked against the program by src/completions_test.cc.

_bulk_stages() {
  local -a stages
  stages=(${(f)"$(sed -n 's/^\[stages\."\{0,1\}\([A-Za-z0-9._-]*\)"\{0,1\}\].*/\1/p' bulk.toml 2>/dev/null)"})
  compadd -a stages
}

_bulk_dumps() {
  compadd latest
  _files
}

_bulk() {
  local -a commands backfills shared connection work reading target selection job change
  commands=(
    'backup:read a table, write a dump'
    'restore:write a dump into a table'
    'copy:copy a table into another, no file between'
    'verify:prove that a dump is whole, or that a table holds exactly its records'
    'diff:which records differ between two tables or dumps'
    'list:list the dumps of backup_dir'
    'history:list what was done'
    'inspect:show metadata, schema and frames of a dump'
    'cat:print records as JSON lines'
    'drop:delete a table that a dump backs up'
    'backfill:change every record of a live table'
  )
  backfills=(
    'create:write a commented job file'
    'run:change every record as the job says'
    'verify:prove that nothing is left to do'
    'rollback:write back what a job has changed'
    'status:how far a job is, or all jobs'
  )
  if ((CURRENT == 2)); then
    _describe command commands
    _arguments '--help[print help]' '--version[print the version]'
    return
  fi
  if ((CURRENT == 3)) && [[ $words[2] == backfill ]]; then
    _describe command backfills
    _arguments '--help[print help]'
    return
  fi

  shared=(
    '--config[use this bulk.toml]:file:_files'
    '--stage[a stage of bulk.toml]:stage:_bulk_stages'
    '--json[JSON lines on standard output]'
    '(-q --quiet)'{-q,--quiet}'[nothing but errors and warnings]'
    '*'{-v,--verbose}'[more often a line of progress]'
    '(-h --help)'{-h,--help}'[print help]'
  )
  connection=(
    '--profile[AWS profile]:profile:'
    '--region[AWS region]:region:'
    '--endpoint-url[where DynamoDB answers]:URL:'
  )
  work=(
    '(-j --jobs)'{-j,--jobs}'[parallel work on this machine]:number or auto:'
    '--memory[hard bound of buffers]:size:'
    '--bwlimit[bytes of records per second]:rate:'
    '--stall-timeout[give up when nothing has moved for so long]:seconds:'
    '--capacity-percent[share of a capacity]:percent:'
  )
  reading=(
    '--segments[segments of a scan]:number or auto:'
    '--max-rcu[read units per second]:number:'
  )
  target=(
    '--create[make the table]'
    '--key[its key]:PK\:T,SK\:T:'
    '--force[replace records with the same key]'
    '--only-missing[leave records alone whose key is there]'
    '--no-owner[without owners and privileges]'
    '--rejects[write bad records here]:file:_files'
    '--max-rejects[give up after so many]:number:'
    '--max-wcu[write units per second]:number:'
    '(-y --yes)'{-y,--yes}'[do not ask]'
    '--confirm[the table of this protected stage]:stage:_bulk_stages'
    '--resume[go on with an unfinished run]'
    '--reason[why, for bulk history]:text:'
    '(-n --dry-run)'{-n,--dry-run}'[change nothing]'
    '--no-verify[do not read back]'
  )
  selection=(
    '--where[only records for which this holds]:condition:'
    '--transform[change records as this job says]:job:_files -g "*.toml"'
  )
  job=(
    '--table[table within the stage]:name:'
    '--consistent-read[strongly consistent reads]'
    '--progress[how progress is shown]:how:(auto bar plain none)'
  )
  change=(
    '--rejects[write bad records here]:file:_files'
    '--max-rejects[give up after so many]:number:'
    '(-y --yes)'{-y,--yes}'[do not ask]'
    '--confirm[the table of this protected stage]:stage:_bulk_stages'
    '--max-wcu[write units per second]:number:'
    '--reason[why, for bulk history]:text:'
    '(-n --dry-run)'{-n,--dry-run}'[change nothing]'
  )
  local progress='--progress[how progress is shown]:how:(auto bar plain none)'
  local table='--table[table within the stage]:name:'
  local consistent='--consistent-read[strongly consistent reads]'

  local command=$words[2]
  shift words
  ((CURRENT--))
  if [[ $command == backfill ]]; then
    command=backfill-$words[2]
    shift words
    ((CURRENT--))
  fi
  case $command in
    backup)
      _arguments $shared $connection $work $reading $selection $progress $table $consistent \
        '--to[the dump to write]:file:_files' \
        '--level[zstd level]:1 to 19:' '--resume[go on with an unfinished run]' '--not-consistent[the rest is of another time]' '--reason[why, for bulk history]:text:' \
        '(-n --dry-run)'{-n,--dry-run}'[change nothing]' '--no-verify[do not read back]' \
        ':table:_files'
      ;;
    restore)
      _arguments $shared $connection $work $target $selection $progress '*--table[only these tables]:name:' '--to[the table]:table:_files' \
        ':dump:_bulk_dumps'
      ;;
    copy)
      _arguments $shared $connection $work $reading $target $selection $progress $consistent ':source:_files' \
        ':target:_files'
      ;;
    verify)
      _arguments $shared $connection $work $reading $progress '--against[the table]:table:_files' \
        '--key[key of the table]:PK\:T,SK\:T:' ':dump:_bulk_dumps'
      ;;
    diff)
      _arguments $shared $connection $work $reading $progress '--key[key of the table]:PK\:T,SK\:T:' ':A:_files' ':B:_files'
      ;;
    list)
      _arguments $shared
      ;;
    history)
      _arguments $shared '--limit[at most so many runs]:number:'
      ;;
    inspect)
      _arguments $shared ':dump:_bulk_dumps'
      ;;
    cat)
      _arguments $shared $connection $work $reading $table $consistent '--limit[at most so many records]:number:' \
        '--key[records with this key]:key:' ':source:_files'
      ;;
    drop)
      _arguments $shared $connection $work $reading $progress $table '--backed-up-by[the dump]:dump:_bulk_dumps' \
        '--key[key of the table]:PK\:T,SK\:T:' '(-y --yes)'{-y,--yes}'[do not ask]' \
        '--confirm[the table of this protected stage]:stage:_bulk_stages' '--reason[why, for bulk history]:text:' \
        '(-n --dry-run)'{-n,--dry-run}'[change nothing]' ':table:_files'
      ;;
    backfill-create)
      _arguments $shared '--to[another folder than migrations]:folder:_files -/' ':name:'
      ;;
    backfill-run)
      _arguments $shared $connection $work $reading $job $change \
        '--where[only records for which this holds]:condition:' '--limit[change at most so many]:number:' \
        '--sample[with --dry-run, look at so many]:number:' '--until[stop at this time of day]:HH\:MM:' \
        '--backup-first[take a dump before]' '--write[how records are written]:how:(update put)' \
        '--level[zstd level]:1 to 19:' ':job:_files -g "*.toml"'
      ;;
    backfill-verify)
      _arguments $shared $connection $work $reading $job '--where[only records for which this holds]:condition:' \
        '--reason[why, for bulk history]:text:' ':job:_files -g "*.toml"'
      ;;
    backfill-rollback)
      _arguments $shared $connection $work $reading $job $change ':job:_files -g "*.toml"'
      ;;
    backfill-status)
      _arguments $shared $connection $table ':job:_files -g "*.toml"'
      ;;
  esac
}

_bulk "$@"
