//! The file of a tagger.
//!
//! `FLMTAG01`, a version, the length of what follows, that, and a checksum (FNV-1a) of it; whole numbers have seven bits a byte,
//! the lowest first. It holds: the scheme, the step of the weights, the info, the tags, the words of its cache, and by rising
//! key the features, each with the distance from the key before and its weights.

use crate::MAX_TAGS;
use crate::scheme::Scheme;
use crate::table::Table;
use crate::tagger::Tagger;

const MAGIC: &[u8; 8] = b"FLMTAG01";
const VERSION: u32 = 1;
/// More than any tagger needs.
pub(crate) const MAX_BYTES: u64 = 1 << 32;
const HEADER: usize = 8 + 4 + 8;

impl Tagger {
    pub fn to_bytes(&self) -> Vec<u8> {
        let payload = self.payload();
        let mut bytes = Vec::with_capacity(payload.len() + HEADER + 8);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&payload);
        bytes.extend_from_slice(&checksum(&payload).to_le_bytes());
        bytes
    }

    fn payload(&self) -> Vec<u8> {
        let mut out = vec![match self.scheme {
            Scheme::Free => 0,
            Scheme::Bio => 1,
            Scheme::Bioes => 2,
        }];
        out.extend_from_slice(&self.table.step.to_le_bytes());
        put_text(&mut out, &self.info);
        for texts in [&self.tags, &self.forms] {
            put(&mut out, texts.len() as u64);
            for text in texts {
                put_text(&mut out, text);
            }
        }
        put(&mut out, self.table.rows().len() as u64);
        let mut before = 0;
        for (key, weights) in self.table.rows() {
            put(&mut out, u64::from(key - before));
            before = key;
            put(&mut out, weights.len() as u64);
            for &(tag, value) in weights {
                put(&mut out, u64::from(tag));
                // Small numbers of either sign in a byte: 0, -1, 1, -2, ...
                put(&mut out, u64::from(((value << 1) ^ (value >> 15)) as u16));
            }
        }
        out
    }

    /// The inverse of `to_bytes`; says what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let mut file = Reader(bytes);
        if file.take(8).ok() != Some(MAGIC.as_slice()) {
            return Err("not a tagger's file: expected FLMTAG01 at its beginning".into());
        }
        let version = u32::from_le_bytes(file.array()?);
        if version != VERSION {
            return Err(format!("version {version}: expected {VERSION}, which this build reads"));
        }
        let length = u64::from_le_bytes(file.array()?);
        if file.0.len() as u64 != length.saturating_add(8) {
            let found = file.0.len();
            return Err(format!("{found} bytes after the header: expected {length} and 8 of the checksum"));
        }
        let payload = file.take(length as usize)?;
        if u64::from_le_bytes(file.array()?) != checksum(payload) {
            return Err("its checksum does not match its content: the file is damaged".into());
        }
        read(&mut Reader(payload))
    }
}

fn read(file: &mut Reader<'_>) -> Result<Tagger, String> {
    let scheme = match file.array::<1>()? {
        [0] => Scheme::Free,
        [1] => Scheme::Bio,
        [2] => Scheme::Bioes,
        [other] => return Err(format!("scheme {other}: expected 0, 1 or 2")),
    };
    let step = f64::from_le_bytes(file.array()?);
    let info = file.text()?;
    let tags = file.texts()?;
    if tags.is_empty() || tags.len() > MAX_TAGS {
        return Err(format!("{} tags: expected 1 to {MAX_TAGS}", tags.len()));
    }
    let forms = file.texts()?;
    let table = read_table(file, tags.len(), step)?;
    if file.0.is_empty() {
        Ok(Tagger::new(tags, scheme, forms, table, info))
    } else {
        Err(format!("{} bytes too many at its end", file.0.len()))
    }
}

fn read_table(file: &mut Reader<'_>, tags: usize, step: f64) -> Result<Table, String> {
    // A key, how many weights it has, and a tag and a value of each: a key without weights says nothing.
    let count = file.length(4)?;
    let mut rows = Vec::with_capacity(count);
    let mut entries = Vec::new();
    let mut before = 0u32;
    for _ in 0..count {
        let distance = u32::try_from(file.number()?).ok().filter(|&distance| distance > 0);
        let key =
            distance.and_then(|distance| before.checked_add(distance)).ok_or("keys that do not rise")?;
        before = key;
        let weights = file.length(2)?;
        if weights == 0 {
            return Err("a key without weights".into());
        }
        for _ in 0..weights {
            let tag = file.number()?;
            let value = u16::try_from(file.number()?).map_err(|_| "a weight of more than 16 bits")?;
            if tag >= tags as u64 {
                return Err(format!("a weight of tag {tag}: expected one of {tags}"));
            }
            entries.push((tag as u16, (value >> 1) as i16 ^ -((value & 1) as i16)));
        }
        rows.push((key, weights as u32));
    }
    if entries.len() > u32::MAX as usize {
        return Err("more than 4294967295 weights".into());
    }
    Ok(Table::new(&rows, entries, step))
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn checksum(bytes: &[u8]) -> u64 {
    let step = |sum: u64, &byte: &u8| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, step)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or("it ends too early")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N)?.try_into().map_err(|_| "it ends too early".into())
    }

    fn number(&mut self) -> Result<u64, String> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("a number of more than 64 bits".into())
    }

    /// How many things follow, of which each has so many bytes at least: never more than the file has.
    fn length(&mut self, least: usize) -> Result<usize, String> {
        let length = self.number()?;
        if length > (self.0.len() / least) as u64 {
            return Err(format!("{length} things in the {} bytes that are left", self.0.len()));
        }
        Ok(length as usize)
    }

    fn text(&mut self) -> Result<String, String> {
        let length = self.length(1)?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|error| format!("a text that is not UTF-8: {error}"))
    }

    fn texts(&mut self) -> Result<Vec<String>, String> {
        (0..self.length(1)?).map(|_| self.text()).collect()
    }
}
