//! The body of an upload: a form of several parts.

use bytes::Bytes;

use crate::error::{Error, Result};

/// What stands before and after the content of the file.
pub(crate) struct Frame {
    /// The content type of the whole.
    pub(crate) content_type: String,
    pub(crate) head: Bytes,
    pub(crate) tail: Bytes,
}

/// The frame around a file, with other parts of the form before it. The boundary is nothing that the content holds: a row
/// of random digits.
pub(crate) fn frame(boundary: &str, fields: &[(&str, Bytes)], name: &str, media_type: &str) -> Result<Frame> {
    check(media_type)?;
    let mut head = Vec::with_capacity(256 + fields.iter().map(|(_, text)| text.len() + 128).sum::<usize>());
    for (field, text) in fields {
        let field = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n");
        head.extend_from_slice(field.as_bytes());
        head.extend_from_slice(text);
        head.extend_from_slice(b"\r\n");
    }
    // The server knows no other way to write a name than this one.
    let name = name.replace('\\', "\\\\").replace('"', "\\\"");
    let file = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"attachment\"; filename=\"{name}\"\r\n\
         Content-Type: {media_type}\r\n\r\n"
    );
    head.extend_from_slice(file.as_bytes());
    Ok(Frame {
        content_type: format!("multipart/form-data; boundary={boundary}"),
        head: head.into(),
        tail: format!("\r\n--{boundary}--\r\n").into(),
    })
}

/// Whether this can be said to be the media type of a file.
pub(crate) fn check(media_type: &str) -> Result<()> {
    if media_type.is_empty() || !media_type.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Err(Error::input("the media type of the file is not one"));
    }
    Ok(())
}

/// The media type that a name stands for.
pub(crate) fn media_type(name: &str) -> &'static str {
    mime_guess::from_path(name).first_raw().unwrap_or("application/octet-stream")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_several_parts() {
        let fields = [("data", Bytes::from_static(b"{\"a\":1}"))];
        let frame = frame("0f", &fields, "a \"b\".txt", "text/plain; charset=utf-8").unwrap();
        assert_eq!(frame.content_type, "multipart/form-data; boundary=0f");
        assert_eq!(
            std::str::from_utf8(&frame.head).unwrap(),
            "--0f\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n{\"a\":1}\r\n\
             --0f\r\nContent-Disposition: form-data; name=\"attachment\"; filename=\"a \\\"b\\\".txt\"\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\r\n"
        );
        assert_eq!(frame.tail, "\r\n--0f--\r\n");
    }

    #[test]
    fn media_types_by_name() {
        for (name, expected) in [
            ("a.png", "image/png"),
            ("a.JSON", "application/json"),
            ("a.txt", "text/plain"),
            ("a", "application/octet-stream"),
            ("a.unheard-of", "application/octet-stream"),
        ] {
            assert_eq!(media_type(name), expected, "{name}");
        }
        assert!(frame("0f", &[], "a.txt", "text/plain\r\nX: 1").is_err());
        assert!(frame("0f", &[], "a.txt", "").is_err());
    }
}
