# Completion of bulk for bash. The lists are checked against the program by src/completions_test.cc.

_bulk() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} flags
  COMPREPLY=()

  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "backup restore copy verify diff list history inspect cat drop backfill --help --version" -- "$current"))
    return
  fi
  if [[ $command == backfill ]]; then
    if ((COMP_CWORD == 2)); then
      COMPREPLY=($(compgen -W "create run verify rollback status --help" -- "$current"))
      return
    fi
    command=backfill-${COMP_WORDS[2]}
  fi

  case $previous in
    --progress)
      COMPREPLY=($(compgen -W "auto bar plain none" -- "$current"))
      return
      ;;
    --write)
      COMPREPLY=($(compgen -W "update put" -- "$current"))
      return
      ;;
    --config | --to | --rejects | --against | --backed-up-by | --transform)
      COMPREPLY=($(compgen -f -- "$current"))
      return
      ;;
    --stage | --confirm)
      COMPREPLY=($(compgen -W "$(sed -n 's/^\[stages\."\{0,1\}\([A-Za-z0-9._-]*\)"\{0,1\}\].*/\1/p' bulk.toml 2>/dev/null)" -- "$current"))
      return
      ;;
    --jobs | -j | --segments | --memory | --level | --max-rcu | --bwlimit | --stall-timeout | --reason | --max-wcu | --capacity-percent | --max-rejects | --limit | \
      --key | --where | --sample | --until | --table | --profile | --region | --endpoint-url)
      return
      ;;
  esac

  local shared="--config --stage --json --quiet --verbose --help"
  local connection="--profile --region --endpoint-url"
  local work="--jobs --memory --bwlimit --stall-timeout --capacity-percent"
  local reading="--segments --max-rcu"
  local target="--create --key --force --only-missing --no-owner --rejects --max-rejects --max-wcu --yes --confirm --resume --reason --dry-run --no-verify"
  local selection="--where --transform"
  local job="--table --consistent-read --progress"
  local change="--rejects --max-rejects --yes --confirm --max-wcu --reason --dry-run"
  case $command in
    backup) flags="$shared $connection $work $reading $selection --to --table --level --consistent-read --resume --not-consistent --reason --dry-run --no-verify --progress" ;;
    restore) flags="$shared $connection $work $target $selection --to --table --progress" ;;
    copy) flags="$shared $connection $work $reading $target $selection --consistent-read --progress" ;;
    verify) flags="$shared $connection $work $reading --against --key --progress" ;;
    diff) flags="$shared $connection $work $reading --key --progress" ;;
    list | inspect) flags="$shared" ;;
    history) flags="$shared --limit" ;;
    cat) flags="$shared $connection $work $reading --limit --key --table --consistent-read" ;;
    drop) flags="$shared $connection $work $reading --backed-up-by --key --table --yes --confirm --reason --dry-run --progress" ;;
    backfill-create) flags="$shared --to" ;;
    backfill-run) flags="$shared $connection $work $reading $job $change --where --limit --sample --until --backup-first --write --level" ;;
    backfill-verify) flags="$shared $connection $work $reading $job --where --reason" ;;
    backfill-rollback) flags="$shared $connection $work $reading $job $change" ;;
    backfill-status) flags="$shared $connection --table" ;;
    *) return ;;
  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
    [[ $command == restore || $command == verify || $command == inspect ]] &&
      COMPREPLY+=($(compgen -W "latest" -- "$current"))
  fi
}

complete -o filenames -o bashdefault -F _bulk bulk
