//! The columns of a facility table, by their stable names or their Chinese headings.

use crate::vocabulary::{Vocabulary, vocabulary};

vocabulary! {
    /// A column of the table; `IMPORT.md` documents each.
    Column {
        Source, "source", "来源", "Where the row comes from, when not from the file's own source";
        ExternalId, "external_id", "外部编号", "Id of the facility in the source";
        Name, "name", "名称", "Official name";
        ShortName, "short_name", "简称", "The name on the door";
        Aliases, "aliases", "别名", "What people call it besides";
        Categories, "categories", "服务领域", "Fields of service, the main one first";
        Summary, "summary", "简介", "What it is, in a few sentences";
        Status, "status", "状态", "Where it stands in its life";
        Division, "division", "行政区划代码", "Code of the community or street";
        Address, "address", "地址", "Street address";
        Lng, "lng", "经度", "Longitude in degrees";
        Lat, "lat", "纬度", "Latitude in degrees";
        Datum, "datum", "坐标系", "Coordinate system of these two numbers";
        SourceDatum, "source_datum", "原坐标系", "Coordinate system in which the point was first given";
        AccuracyM, "accuracy_m", "定位精度", "Radius of doubt in metres";
        Phones, "phones", "电话", "Public telephone numbers";
        Hours, "hours", "开放时间", "Opening hours";
        Services, "services", "服务项目", "Services with fee, mode and prices";
        Accessibility, "accessibility", "无障碍设施", "Accessible features that are there";
        AccessibilityAbsent, "accessibility_absent", "缺少的无障碍设施", "Accessible features known to be missing";
        AccessibilityNote, "accessibility_note", "无障碍说明", "What the features do not say";
        Languages, "languages", "服务语言", "Languages spoken at the counter";
        AreaM2, "area_m2", "建筑面积", "Floor area in square metres";
        BuildKind, "build_kind", "建设方式", "How it was built";
        CarrierLevel, "carrier_level", "载体层级", "Level of the neighbourhood it serves";
        Operator, "operator", "运营单位", "Who runs it";
        OperationMode, "operation_mode", "运营模式", "On what terms it is run";
        Licences, "licences", "证照", "Licences with their validity";
        VerifiedAt, "verified_at", "核实时间", "When it was last checked on the spot";
        OtherIds, "other_ids", "其他系统编号", "The same facility in other systems";
    }
}

impl Column {
    /// The columns a file cannot do without.
    pub const REQUIRED: [Self; 4] = [Self::ExternalId, Self::Name, Self::Categories, Self::Address];

    /// Reads a heading: the stable name or the Chinese one.
    pub fn of_heading(heading: &str) -> Option<Self> {
        let heading = heading.trim();
        Self::parse(heading).or_else(|| Self::ALL.iter().copied().find(|column| column.zh() == heading))
    }
}

/// What one row says, column by column; `None` where its file has no such column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cells(Vec<Option<String>>);

impl Cells {
    /// No column at all.
    pub fn new() -> Self {
        Self(vec![None; Column::ALL.len()])
    }

    /// Fills a cell.
    pub fn set(&mut self, column: Column, text: impl Into<String>) {
        self.0[column.index()] = Some(text.into());
    }

    /// Whether the row has the column.
    pub fn has(&self, column: Column) -> bool {
        self.0[column.index()].is_some()
    }

    /// The trimmed text; empty where the column is missing.
    pub fn get(&self, column: Column) -> &str {
        self.0[column.index()].as_deref().unwrap_or_default().trim()
    }
}
