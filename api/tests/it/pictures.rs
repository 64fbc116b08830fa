//! Pictures as telephones make them, and what is left of them when they are published.

use exif::{Field, In, Rational, Reader, Tag, Value, experimental::Writer};
use img_parts::{
    Bytes, ImageEXIF,
    jpeg::{Jpeg, JpegSegment, markers},
    png::{Png, PngChunk},
    riff::{RiffChunk, RiffContent},
    webp::WebP,
};
use linli::app::facilities::picture::take_in;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::{
    people::town,
    process::linli,
    rig::{both, send},
};

/// Stands in every place of a picture where people are told about.
const SECRET: &[u8] = b"zhuge-liang-was-here";
/// Lying on its right side.
const TURNED: u32 = 6;

/// A request that uploads these bytes as a form of a browser does.
pub(crate) fn form(request: RequestBuilder, bytes: &[u8]) -> RequestBuilder {
    const BOUNDARY: &str = "linli-test-boundary";
    let mut body = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(bytes);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    request.header("content-type", format!("multipart/form-data; boundary={BOUNDARY}")).body(body)
}

/// Where, when, with what, and how it was held.
fn exif() -> Bytes {
    let field = |tag, value| Field { tag, ifd_num: In::PRIMARY, value };
    let degrees = |whole| Value::Rational(vec![Rational { num: whole, denom: 1 }; 3]);
    let fields = [
        field(Tag::Orientation, Value::Short(vec![u16::try_from(TURNED).unwrap()])),
        field(Tag::Make, Value::Ascii(vec![SECRET.to_vec()])),
        field(Tag::DateTime, Value::Ascii(vec![b"2026:03:02 10:00:00".to_vec()])),
        field(Tag::GPSLatitudeRef, Value::Ascii(vec![b"N".to_vec()])),
        field(Tag::GPSLatitude, degrees(30)),
        field(Tag::GPSLongitude, degrees(120)),
    ];
    let mut writer = Writer::new();
    fields.iter().for_each(|field| writer.push_field(field));
    let mut bytes = std::io::Cursor::new(Vec::new());
    writer.write(&mut bytes, false).unwrap();
    Bytes::from(bytes.into_inner())
}

fn secret(prefix: &[u8]) -> Bytes {
    [prefix, SECRET].concat().into()
}

const SCAN: &[u8] = &[0x12, 0xFF, 0x00, 0x34, 0xFF, 0xD0, 0x56];

/// Two scans with a comment between them, metadata of every kind before, and a film behind the end.
fn jpeg() -> Vec<u8> {
    let frame: &[u8] = &[8, 0, 8, 0, 8, 1, 1, 0x11, 0];
    let comment = [&[0xFF, markers::COM, 0, 2 + u8::try_from(SECRET.len()).unwrap()], SECRET].concat();
    let second = [&[0xFF, markers::SOS, 0, 6, 1, 1, 0, 0], SCAN].concat();
    let entropy = [SCAN, &comment[..], &second[..], &[0xFF, markers::EOI], SECRET, b"ftypmp42"].concat();
    let part = |marker, contents: Bytes| JpegSegment::new_with_contents(marker, contents);
    let mut image = Jpeg::from_bytes(Bytes::from_static(&[0xFF, 0xD8, 0xFF, 0xD9])).unwrap();
    image.segments_mut().extend([
        part(markers::APP0, Bytes::from_static(b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")),
        part(markers::APP0, secret(b"JFXX\0")),
        part(markers::APP1, secret(b"http://ns.adobe.com/xap/1.0/\0")),
        part(markers::APP2, secret(b"MPF\0")),
        part(markers::APP2, Bytes::from_static(b"ICC_PROFILE\0\x01\x01colours")),
        part(markers::APP13, secret(b"Photoshop 3.0\0")),
        part(markers::COM, secret(b"")),
        part(markers::DQT, Bytes::from_static(&[0; 65])),
        part(markers::SOF0, Bytes::from_static(frame)),
        part(markers::DHT, Bytes::from_static(&[0; 17])),
        JpegSegment::new_with_entropy(markers::SOS, Bytes::from_static(&[1, 1, 0, 0, 63, 0]), entropy.into()),
    ]);
    image.set_exif(Some(exif()));
    image.encoder().bytes().to_vec()
}

/// A PNG that differs from others by its content; nothing but the picture.
pub(crate) fn png(content: &'static [u8]) -> Vec<u8> {
    plain_png(content).encoder().bytes().to_vec()
}

fn plain_png(content: &'static [u8]) -> Png {
    let mut image = Png::from_bytes(Bytes::from_static(b"\x89PNG\r\n\x1a\n")).unwrap();
    let header = Bytes::from_static(&[0, 0, 0, 8, 0, 0, 0, 8, 8, 2, 0, 0, 0]);
    image.chunks_mut().extend([
        PngChunk::new(*b"IHDR", header),
        PngChunk::new(*b"IDAT", Bytes::from_static(content)),
        PngChunk::new(*b"IEND", Bytes::new()),
    ]);
    image
}

fn told_png() -> Vec<u8> {
    let mut image = plain_png(b"picture");
    for kind in [*b"tEXt", *b"zTXt", *b"iTXt", *b"tIME", *b"prVt"] {
        image.chunks_mut().insert(1, PngChunk::new(kind, secret(b"Comment\0")));
    }
    image.set_exif(Some(exif()));
    [&image.encoder().bytes()[..], SECRET].concat()
}

fn webp() -> Vec<u8> {
    let part = |id: &[u8; 4], data: Bytes| RiffChunk::new(*id, RiffContent::Data(data));
    // Exif and XMP are promised; eight by eight.
    let header = Bytes::from_static(&[0b0000_1100, 0, 0, 0, 7, 0, 0, 7, 0, 0]);
    let subchunks = vec![
        part(b"VP8X", header),
        part(b"VP8L", Bytes::from_static(&[0x2F, 7, 0xC0, 1, 0, 0])),
        part(b"EXIF", exif()),
        part(b"XMP ", secret(b"<x:xmpmeta>")),
        part(b"NOTE", secret(b"")),
    ];
    let riff = RiffChunk::new(*b"RIFF", RiffContent::List { kind: Some(*b"WEBP"), subchunks });
    [&WebP::new(riff).unwrap().encoder().bytes()[..], SECRET].concat()
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn all() -> [(&'static str, Vec<u8>); 3] {
    [("image/jpeg", jpeg()), ("image/png", told_png()), ("image/webp", webp())]
}

#[test]
fn nothing_is_left_but_the_picture_and_how_it_is_held() {
    for (kind, bytes) in all() {
        // The pictures hold what the test is about, or it would prove nothing.
        let before = Reader::new().read_from_container(&mut std::io::Cursor::new(&bytes)).unwrap();
        assert!(before.get_field(Tag::GPSLatitude, In::PRIMARY).is_some() && holds(&bytes, SECRET), "{kind}");

        let kept = take_in(&bytes).unwrap();
        assert_eq!(kept.content_type, kind);
        assert!(!holds(&kept.bytes, SECRET), "{kind} tells of people: {:?}", kept.bytes);
        let after = Reader::new().read_from_container(&mut std::io::Cursor::new(&kept.bytes)).unwrap();
        let fields: Vec<_> = after.fields().map(|field| (field.tag, field.value.get_uint(0))).collect();
        assert_eq!(fields, [(Tag::Orientation, Some(TURNED))], "{kind}");
        assert_eq!(take_in(&kept.bytes), Some(kept), "{kind}: taken in again it is the same");
    }
}

#[test]
fn the_compressed_data_stay_as_they_were() {
    let kept = take_in(&jpeg()).unwrap().bytes;
    let second = [&[0xFF, markers::SOS, 0, 6, 1, 1, 0, 0], SCAN].concat();
    let end = [SCAN, &second[..], &[0xFF, markers::EOI]].concat();
    assert!(kept.ends_with(&end), "both scans, one behind the other, and the end");
    assert!(holds(&kept, b"ICC_PROFILE\0\x01\x01colours"));
    let kept = Png::from_bytes(take_in(&told_png()).unwrap().bytes.into()).unwrap();
    let kinds: Vec<_> = kept.chunks().iter().map(|chunk| chunk.kind()).collect();
    assert_eq!(kinds, [*b"IHDR", *b"eXIf", *b"IDAT", *b"IEND"]);
    let kept = WebP::from_bytes(take_in(&webp()).unwrap().bytes.into()).unwrap();
    let flags = kept.chunk_by_id(*b"VP8X").unwrap().content().data().unwrap()[0];
    assert_eq!(flags, 0b0000_1000, "Exif is promised, XMP no longer");
    assert!(kept.has_chunk(*b"VP8L"));
}

#[test]
fn what_is_no_picture_is_not_taken_in() {
    for bytes in [&b""[..], b"<svg onload=alert(1)>", b"RIFF\x10\0\0\0WAVEfmt ", b"\x89PNG\r\n\x1a\nrest"] {
        assert_eq!(take_in(bytes), None, "{bytes:?}");
    }
    // Cut off anywhere before its end, a picture is refused and nothing panics.
    for (kind, bytes) in all() {
        let whole = take_in(&bytes).unwrap().bytes;
        for length in 0..whole.len() {
            assert_eq!(take_in(&whole[..length]), None, "{kind} of {length} bytes");
        }
    }
}

both!(a_published_photo_tells_nothing_of_whoever_took_it, async |rig| {
    let town = town(rig).await;
    let body = json!({ "organisation_id": town.communities[0], "profile":
        { "name": "采荷食堂", "categories": ["community_dining"], "address": "采荷路1号" } });
    let create = rig.post("/staff/v1/facilities", &body).header("idempotency-key", "k1");
    let made = send(create.bearer_auth(&town.admin)).await.ok();
    let facility = made["id"].as_str().unwrap();
    for (kind, bytes) in all() {
        let upload = rig.request(Method::POST, &format!("/staff/v1/facilities/{facility}/photos"));
        let photo = send(form(upload, &bytes).bearer_auth(&town.admin)).await;
        assert_eq!(photo.status, 201, "{}", photo.text);
        let shown = rig.get(photo.json["path"].as_str().unwrap()).send().await.unwrap();
        assert_eq!((shown.status().as_u16(), shown.headers()["content-type"].to_str().unwrap()), (200, kind));
        let shown = shown.bytes().await.unwrap();
        assert_eq!(shown, take_in(&bytes).unwrap().bytes);
        assert!(!holds(&shown, SECRET));
        // Nor does any file of the store.
        let folder = rig.app.config.data_dir.join("photos");
        assert!(every_file(&folder).iter().all(|bytes| !holds(bytes, SECRET)));
        assert!(!every_file(&folder).is_empty());
    }
});

both!(photos_of_before_are_cleaned_and_a_form_holds_what_it_may, async |rig| {
    let town = town(rig).await;
    let body = json!({ "organisation_id": town.communities[0], "profile":
        { "name": "采荷食堂", "categories": ["community_dining"], "address": "采荷路1号" } });
    let create = rig.post("/staff/v1/facilities", &body).header("idempotency-key", "k1");
    let made = send(create.bearer_auth(&town.admin)).await.ok();
    let facility = made["id"].as_str().unwrap();
    let upload = || {
        let path = format!("/staff/v1/facilities/{facility}/photos");
        rig.request(Method::POST, &path).bearer_auth(&town.admin)
    };
    let mut shown = Vec::new();
    for (_, bytes) in all() {
        let photo = send(form(upload(), &bytes)).await;
        // As it was stored before photos were taken in without their metadata.
        let id = photo.json["id"].as_str().unwrap().parse().unwrap();
        rig.app.blobs.put(id, &bytes).await.unwrap();
        shown.push((photo.json["path"].as_str().unwrap().to_owned(), take_in(&bytes).unwrap().bytes));
    }
    let clean = || {
        let output =
            linli(&["photos", "clean"], rig.database_url(), &rig.app.config.data_dir).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(clean().trim(), "3 photos: 3 cleaned, 0 cannot be read");
    for (path, bytes) in shown {
        assert!(rig.get(&path).send().await.unwrap().bytes().await.unwrap() == bytes, "{path}");
    }
    assert!(every_file(&rig.app.config.data_dir.join("photos")).iter().all(|bytes| !holds(bytes, SECRET)));
    assert_eq!(clean().trim(), "3 photos: 0 cleaned, 0 cannot be read");

    let part = |name: &str, text: &str| {
        let file = [
            &b"--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"[..],
            &png(b"another"),
            format!("\r\n--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n--x--\r\n")
                .as_bytes(),
        ]
        .concat();
        send(upload().header("content-type", "multipart/form-data; boundary=x").body(file))
    };
    for hidden in ["a\0b", "a\u{202e}b"] {
        let refused = part("caption", hidden).await;
        refused.is_problem(422, "invalid_input");
        assert_eq!(refused.json["errors"][0]["code"], "control_character");
    }
    let unknown = part("13800138000", "x").await;
    assert!(
        (400..500).contains(&unknown.status) && !unknown.text.contains("13800138000"),
        "{}",
        unknown.text
    );
    assert_eq!(part("caption", "门口").await.status, 201);
});

fn every_file(folder: &std::path::Path) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(every_file(&path));
        } else {
            files.push(std::fs::read(path).unwrap());
        }
    }
    files
}
