//! Extracts Swagger UI's script and style from the archive in its crate. They are deflated there,
//! which is also what gzip contains: this adds a header and a trailer, and compresses nothing
//! again.

use std::{
    env,
    error::Error,
    fs,
    io::{Cursor, Read},
    path::Path,
};

use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::{CompressionMethod, ZipArchive};

const ASSETS: [&str; 2] = ["swagger-ui-bundle.js", "swagger-ui.css"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let out = env::var("OUT_DIR")?;
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    for asset in ASSETS {
        let suffix = format!("/dist/{asset}");
        let index = (0..archive.len())
            .find(|&index| {
                archive
                    .by_index_raw(index)
                    .is_ok_and(|file| file.name().is_ok_and(|name| name.ends_with(&suffix)))
            })
            .ok_or_else(|| format!("Swagger UI has no {suffix}"))?;
        let mut file = archive.by_index_raw(index)?;
        if file.compression() != CompressionMethod::DEFLATE {
            return Err(format!("{asset} is not deflated").into());
        }
        // RFC 1952: no flags, no time, an unknown system.
        let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
        file.read_to_end(&mut gzip)?;
        gzip.extend(file.crc32().to_le_bytes());
        gzip.extend(u32::try_from(file.size())?.to_le_bytes());
        fs::write(Path::new(&out).join(format!("{asset}.gz")), gzip)?;
    }
    Ok(())
}
