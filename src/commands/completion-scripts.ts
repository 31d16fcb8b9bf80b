import { SHELLS } from './complete.js';
import { UsageError } from './usage-error.js';

/*
 * The shells ask the program itself at each TAB (`capan --complete WORD...`), so that a script never grows old. Where it has no
 * answer, files are meant and the shell offers them.
 */

const BASH = `# Completion of capan for bash: source <(capan completion bash), or keep it in
# ~/.local/share/bash-completion/completions/capan
_capan() {
  local IFS=$'\\n' line
  COMPREPLY=()
  while read -r line; do
    COMPREPLY+=("\${line%%$'\\t'*}")
  done < <("\${COMP_WORDS[0]}" --complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o bashdefault -o default -F _capan capan
`;

const ZSH = `#compdef capan
# Completion of capan for zsh: capan completion zsh > "\${fpath[1]}/_capan", or source <(capan completion zsh)
_capan() {
  local line
  local -a found described
  found=("\${(@f)$("\${words[1]}" --complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  for line in $found; do
    [[ -n $line ]] || continue
    described+=("\${\${line%%$'\\t'*}//:/\\\\:}\${\${(M)line%%*$'\\t'*}:+:\${line#*$'\\t'}}")
  done
  if (( $#described )); then
    _describe capan described
  else
    _files
  fi
}
if [ "\${funcstack[1]}" = _capan ]; then
  _capan "$@"
else
  compdef _capan capan
fi
`;

const FISH = `# Completion of capan for fish: capan completion fish > ~/.config/fish/completions/capan.fish
function __capan_complete
  set -l before (commandline -opc)
  set -l current (commandline -ct)
  set -l found ($before[1] --complete $before[2..] "$current" 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\\n' $found
  else
    __fish_complete_path "$current"
  end
end
complete -c capan -f -a '(__capan_complete)'
`;

const SCRIPTS = { bash: BASH, zsh: ZSH, fish: FISH } as const;

/**
 * @param shell as on the command line, or null for the one that $SHELL names (bash where it names no other that is known).
 * @throws UsageError for a shell without a script.
 */
export function completionScript(shell: string | null, login: string | undefined): string {
  const wanted = shell ?? login?.split('/').at(-1) ?? 'bash';
  const known = SHELLS.find((candidate) => candidate === wanted);
  if (known === undefined && shell !== null)
    throw new UsageError(`there is completion for ${SHELLS.join(', ')}, not for '${shell}'`);
  return SCRIPTS[known ?? 'bash'];
}
