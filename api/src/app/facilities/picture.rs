//! Pictures without what they tell of whoever took them.
//!
//! A telephone writes into a photo where and when it was taken, with which device, and sometimes a
//! second picture or a film behind the end. All of that goes. The picture itself is not touched:
//! its compressed data stay as they were, and of the metadata the colour profile and the
//! orientation stay, without which it would be shown in wrong colours or lying on its side.
//! What is kept is listed, so that a kind of metadata nobody thought of goes too.

use exif::{In, Reader, Tag};
use img_parts::{
    Bytes, ImageEXIF,
    jpeg::{Jpeg, JpegSegment, markers},
    png::Png,
    riff::{RiffChunk, RiffContent},
    webp::WebP,
};

/// A picture of a type we take, with nothing in it but itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The type, read from the content; what the client says it is is not asked.
    pub content_type: &'static str,
    /// The bytes to keep.
    pub bytes: Vec<u8>,
}

/// Parts of a PNG that make the picture, with animation and colours.
const PNG_KEPT: [&[u8; 4]; 17] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP",
    b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT", b"hIST",
];
/// The same of a WebP.
const WEBP_KEPT: [&[u8; 4]; 7] = [b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"];
/// The bit of a WebP's header that promises XMP.
const WEBP_XMP: u8 = 0b0000_0100;

/// Takes a picture in; `None` when it is not a picture we can read.
pub fn take_in(bytes: &[u8]) -> Option<Picture> {
    match bytes {
        [0xFF, 0xD8, 0xFF, ..] => jpeg(bytes),
        [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => png(bytes),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => webp(bytes),
        _ => None,
    }
}

fn jpeg(bytes: &[u8]) -> Option<Picture> {
    let mut image = Jpeg::from_bytes(Bytes::copy_from_slice(bytes)).ok()?;
    let turned = orientation(image.exif());
    let mut kept = Vec::with_capacity(image.segments().len());
    for segment in image.segments_mut().drain(..) {
        if segment.marker() == markers::SOS {
            // What this crate calls entropy is everything to the end of the file.
            let whole = segment.clone().encoder().bytes();
            let scans = scans(whole.get(2 + 2 + segment.contents().len()..)?)?;
            kept.push(JpegSegment::new_with_entropy(markers::SOS, segment.contents().clone(), scans.into()));
        } else if is_kept(&segment) {
            kept.push(segment);
        }
    }
    kept.last().filter(|last| last.marker() == markers::SOS)?;
    *image.segments_mut() = kept;
    image.dimensions()?;
    image.set_exif(turned);
    Some(Picture { content_type: "image/jpeg", bytes: image.encoder().bytes().to_vec() })
}

fn is_kept(segment: &JpegSegment) -> bool {
    match segment.marker() {
        // JFIF (its extension holds a second picture), colour profile, Adobe's colour transform.
        markers::APP0 => segment.contents().starts_with(b"JFIF\0"),
        markers::APP2 => segment.contents().starts_with(b"ICC_PROFILE\0"),
        markers::APP14 => segment.contents().starts_with(b"Adobe"),
        marker => is_part_of_picture(marker),
    }
}

/// Tables and frame headers.
fn is_part_of_picture(marker: u8) -> bool {
    matches!(marker, markers::SOF0..=markers::SOF15 | markers::DQT..=markers::EXP)
}

/// The scans of a picture up to its end, without comments between them or anything behind.
fn scans(data: &[u8]) -> Option<Vec<u8>> {
    let (mut kept, mut at) = (Vec::with_capacity(data.len()), 0);
    loop {
        let marker_at = at + data.get(at..)?.iter().position(|byte| *byte == markers::P)?;
        let marker = *data.get(marker_at + 1)?;
        match marker {
            // A stuffed byte or a restart belongs to the compressed data; fill bytes may precede a marker.
            markers::Z | markers::RST0..=markers::RST7 => {
                kept.extend_from_slice(data.get(at..marker_at + 2)?);
                at = marker_at + 2;
            }
            markers::P => {
                kept.extend_from_slice(data.get(at..marker_at)?);
                at = marker_at + 1;
            }
            markers::EOI => {
                kept.extend_from_slice(data.get(at..marker_at + 2)?);
                return Some(kept);
            }
            _ => {
                let length = data.get(marker_at + 2..marker_at + 4)?;
                let end = marker_at + 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
                kept.extend_from_slice(data.get(at..marker_at)?);
                let segment = data.get(marker_at..end)?;
                if marker == markers::SOS || is_part_of_picture(marker) {
                    kept.extend_from_slice(segment);
                }
                at = end;
            }
        }
    }
}

fn png(bytes: &[u8]) -> Option<Picture> {
    let mut image = Png::from_bytes(Bytes::copy_from_slice(bytes)).ok()?;
    image.dimensions()?;
    let turned = orientation(image.exif());
    image.chunks_mut().retain(|chunk| PNG_KEPT.contains(&&chunk.kind()));
    image.chunks().last().filter(|last| last.kind() == *b"IEND")?;
    image.set_exif(turned);
    Some(Picture { content_type: "image/png", bytes: image.encoder().bytes().to_vec() })
}

fn webp(bytes: &[u8]) -> Option<Picture> {
    let mut image = WebP::from_bytes(Bytes::copy_from_slice(bytes)).ok()?;
    image.dimensions()?;
    let turned = orientation(image.exif());
    image.chunks_mut().retain(|chunk| WEBP_KEPT.contains(&&chunk.id()));
    for chunk in image.chunks_mut().iter_mut().filter(|chunk| chunk.id() == *b"VP8X") {
        let mut header = chunk.content().data()?.to_vec();
        *header.first_mut()? &= !WEBP_XMP;
        *chunk = RiffChunk::new(*b"VP8X", RiffContent::Data(header.into()));
    }
    image.set_exif(turned);
    Some(Picture { content_type: "image/webp", bytes: image.encoder().bytes().to_vec() })
}

/// The orientation alone, as Exif, where the picture is not upright as it is.
fn orientation(exif: Option<Bytes>) -> Option<Bytes> {
    const UPRIGHT: u32 = 1;
    let read = Reader::new().continue_on_error(true).read_raw(exif?.to_vec());
    // Cameras write faulty fields; the one we look for may still be good.
    let exif = read.or_else(|error| error.distill_partial_result(|_| ())).ok()?;
    let turned = exif.get_field(Tag::Orientation, In::PRIMARY)?.value.get_uint(0)?;
    if turned == UPRIGHT || turned > 8 {
        return None;
    }
    // Little-endian TIFF: one directory with one entry, tag 0x0112, one SHORT.
    let mut one = *b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\0\0\0\0\0\0\0\0";
    one[18] = u8::try_from(turned).ok()?;
    Some(Bytes::copy_from_slice(&one))
}
