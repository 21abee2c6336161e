//! Exports as Apache Parquet, written by the columns' own types: nothing of Arrow is needed for that.

use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;
use store::events::Event;

/// `id` and `data` are texts, since not every reader knows UUID and JSON columns.
const SCHEMA: &str = "message event {
    REQUIRED BYTE_ARRAY id (STRING);
    REQUIRED BYTE_ARRAY application (STRING);
    REQUIRED BYTE_ARRAY session_id (STRING);
    REQUIRED BYTE_ARRAY category (STRING);
    REQUIRED BYTE_ARRAY name (STRING);
    REQUIRED BYTE_ARRAY data (STRING);
    REQUIRED INT64 timestamp (TIMESTAMP(MICROS,true));
    REQUIRED INT64 received_at (TIMESTAMP(MICROS,true));
    REQUIRED INT64 stored_at (TIMESTAMP(MICROS,true));
}";

/// Hardly two events have the same: a dictionary of them only costs time.
const UNLIKE_COLUMNS: [&str; 5] = ["id", "data", "timestamp", "received_at", "stored_at"];

/// A row group has to be held until it is whole: so many events at most, of so many bytes.
const GROUP_EVENTS_MAX: usize = 100_000;
const GROUP_BYTES_MAX: usize = 32 << 20;

/// A file on its way, row group by row group.
pub(super) struct Groups {
    file: SerializedFileWriter<Vec<u8>>,
    columns: Columns,
}

/// The events of the next row group, column by column.
#[derive(Default)]
struct Columns {
    texts: [Vec<ByteArray>; 6],
    times: [Vec<i64>; 3],
    bytes: usize,
}

impl Groups {
    pub(super) fn begin() -> anyhow::Result<Self> {
        let mut properties = WriterProperties::builder()
            .set_created_by(concat!("The Eye ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?));
        for column in UNLIKE_COLUMNS {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(column), false);
        }
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties.build()))?;
        Ok(Self { file, columns: Columns::default() })
    }

    /// Adds events, and gives the row groups that became whole.
    pub(super) fn add(&mut self, events: Vec<Event>) -> anyhow::Result<Vec<u8>> {
        for event in events {
            self.columns.add(event);
            if self.columns.times[0].len() >= GROUP_EVENTS_MAX || self.columns.bytes >= GROUP_BYTES_MAX {
                self.write_group()?;
            }
        }
        Ok(std::mem::take(self.file.inner_mut()))
    }

    /// The last row group, and the footer without which nobody takes it for a file.
    pub(super) fn finish(mut self) -> anyhow::Result<Vec<u8>> {
        self.write_group()?;
        self.file.finish()?;
        Ok(std::mem::take(self.file.inner_mut()))
    }

    fn write_group(&mut self) -> anyhow::Result<()> {
        let Columns { texts, times, .. } = std::mem::take(&mut self.columns);
        if times[0].is_empty() {
            return Ok(());
        }
        let (mut texts, mut times) = (texts.into_iter(), times.into_iter());
        let mut group = self.file.next_row_group()?;
        while let Some(mut column) = group.next_column()? {
            match column.untyped() {
                ColumnWriter::ByteArrayColumnWriter(writer) => {
                    writer.write_batch(&texts.next().unwrap_or_default(), None, None)?;
                }
                ColumnWriter::Int64ColumnWriter(writer) => {
                    writer.write_batch(&times.next().unwrap_or_default(), None, None)?;
                }
                _ => anyhow::bail!("the schema has a column of a type that events have not"),
            }
            column.close()?;
        }
        group.close()?;
        Ok(())
    }
}

impl Columns {
    fn add(&mut self, event: Event) {
        let id = event.id.as_hyphenated().to_string();
        let texts = [id, event.application, event.session_id, event.category, event.name, event.data];
        for (column, text) in self.texts.iter_mut().zip(texts) {
            self.bytes += size_of::<ByteArray>() + text.len();
            column.push(ByteArray::from(text.into_bytes()));
        }
        let times = [event.occurred_at, event.received_at, event.stored_at];
        for (column, time) in self.times.iter_mut().zip(times) {
            column.push(time.timestamp_micros());
        }
    }
}
