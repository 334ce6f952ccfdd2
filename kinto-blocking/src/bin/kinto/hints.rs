//! What to try, in the words of the command: the library advises those who write programs.

/// What the library says, and what is said here instead. Nothing is said where the command has no way to do it.
pub(crate) const HINTS: &[(&str, &str)] = &[
    ("check them with server_info(), which shows the user", "check them with: kinto whoami"),
    ("see settings.readonly in server_info()", "see settings.readonly in: kinto info"),
    ("use https, or allow_insecure_http() where", "use https, or --allow-insecure-http where"),
    ("say so with any_extension()", "say so with --any-extension"),
    ("give it another name, or overwrite()", "--overwrite replaces it"),
    ("it does not exist: create it, or overwrite()", "it does not exist"),
    ("name one of them with Login::provider", "name one of them with --provider"),
    ("say where it comes from with files_from() or files_with()", "say where it comes from with --files-from"),
    ("resume the export, or say that it may be partial()", "export it anew, or take that with --partial"),
    (" (if this server accepts such ids, allow them with IdRule::Wide)", ""),
    (" (read them page by page, or raise policy.pages)", ""),
    (" (read it page by page, or raise policy.pages)", ""),
    (" (raise policy.limits.response_bytes, or ask for smaller pages)", ""),
    (" (fetch it piece by piece with download_to, or raise policy.limits.response_bytes)", ""),
    (" (if that is as it should be, allow_missing_hash())", ""),
    (" (say it with base_url())", ""),
    (" (if it is to be trusted, say where files are with base_url())", ""),
    (" (if it is meant for this one, say so with at())", ""),
    (" (if it is to go to another server, say so with at())", ""),
];

/// A line for whoever typed the command.
pub(crate) fn in_words_of_the_command(line: &str) -> String {
    HINTS.iter().fold(line.to_owned(), |line, (library, command)| line.replace(library, command))
}
