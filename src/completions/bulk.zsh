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
  local -a commands shared connection work reading target
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
  )
  if ((CURRENT == 2)); then
    _describe command commands
    _arguments '--help[print help]' '--version[print the version]'
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
  local progress='--progress[how progress is shown]:how:(auto bar plain none)'
  local table='--table[table within the stage]:name:'
  local consistent='--consistent-read[strongly consistent reads]'

  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
    backup)
      _arguments $shared $connection $work $reading $progress $table $consistent '--to[the dump to write]:file:_files' \
        '--level[zstd level]:1 to 19:' '--resume[go on with an unfinished run]' '--reason[why, for bulk history]:text:' \
        '(-n --dry-run)'{-n,--dry-run}'[change nothing]' '--no-verify[do not read back]' \
        ':table:_files'
      ;;
    restore)
      _arguments $shared $connection $work $target $progress $table '--to[the table]:table:_files' ':dump:_bulk_dumps'
      ;;
    copy)
      _arguments $shared $connection $work $reading $target $progress $consistent ':source:_files' ':target:_files'
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
  esac
}

_bulk "$@"
