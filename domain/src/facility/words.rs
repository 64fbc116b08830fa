//! The vocabularies of facilities, in the words of the policy documents.

use crate::vocabulary::vocabulary;

vocabulary! {
    /// A field of service 服务领域.
    Category {
        ElderlyCare, "elderly_care", "养老", "Elderly care";
        Childcare, "childcare", "托育", "Childcare";
        CommunityDining, "community_dining", "社区助餐", "Community dining";
        HomeServices, "home_services", "家政便民", "Home services";
        Health, "health", "健康", "Health";
        Sports, "sports", "体育健身", "Sports and fitness";
        Culture, "culture", "文化休闲", "Culture and leisure";
        ChildrenPlay, "children_play", "儿童游憩", "Children's play";
        Government, "government", "党群/政务", "Government services";
        Education, "education", "教育", "Education";
        Commerce, "commerce", "便民商业", "Neighbourhood shops";
        AfterSchool, "after_school", "儿童托管", "After-school care";
        SocialWelfare, "social_welfare", "社会福利", "Social welfare";
        CommunityService, "community_service", "社区服务", "Community services";
        Parcel, "parcel", "快递物流", "Parcels";
    }
}

vocabulary! {
    /// What a service costs in principle.
    FeeKind {
        Free, "free", "无偿", "Free of charge";
        LowCost, "low_cost", "低偿", "At a reduced charge";
        Paid, "paid", "有偿", "Charged";
    }
}

vocabulary! {
    /// Who sets the price.
    Pricing {
        Government, "government", "政府定价", "Set by the government";
        Market, "market", "市场调节价", "Set by the market";
    }
}

vocabulary! {
    /// Where a service is given.
    ServiceMode {
        OnSite, "on_site", "到店", "On site";
        HomeVisit, "home_visit", "上门", "At home";
        Online, "online", "线上", "Online";
    }
}

vocabulary! {
    /// A thing that lets more people in.
    AccessFeature {
        StepFreeEntrance, "step_free_entrance", "无障碍出入口", "Step-free entrance";
        Lift, "lift", "电梯", "Lift";
        AccessibleToilet, "accessible_toilet", "无障碍卫生间", "Accessible toilet";
        AccessibleParking, "accessible_parking", "无障碍停车位", "Accessible parking";
        WheelchairLoan, "wheelchair_loan", "轮椅借用", "Wheelchairs to borrow";
        Handrails, "handrails", "扶手", "Handrails";
        LowCounter, "low_counter", "低位服务台", "Low counter";
        TactilePaving, "tactile_paving", "盲道", "Tactile paving";
        Braille, "braille", "盲文标识", "Braille signs";
        HearingAid, "hearing_aid", "助听设备", "Hearing assistance";
        SignLanguage, "sign_language", "手语服务", "Sign language service";
        NursingRoom, "nursing_room", "母婴室", "Nursing room";
        AgeFriendly, "age_friendly", "适老化", "Adapted for older people";
        ChildFriendly, "child_friendly", "儿童友好", "Child-friendly";
    }
}

vocabulary! {
    /// How the facility was built.
    BuildKind {
        Concentrated, "concentrated", "集中建设", "In a complex";
        Standalone, "standalone", "独立建设", "On its own";
        ResidentialEstate, "residential_estate", "住宅小区配建", "With a housing estate";
    }
}

vocabulary! {
    /// The level of the neighbourhood that a facility serves.
    CarrierLevel {
        LifeCircleCentre, "life_circle_centre", "生活圈中心", "Centre of a life circle";
        Community, "community", "社区", "Community";
        Estate, "estate", "小区", "Housing estate";
    }
}

vocabulary! {
    /// On what terms a facility is run.
    OperationMode {
        PublicBuiltPrivatelyRun, "public_built_privately_run", "公建民营", "Publicly built, privately run";
        PrivateWithSubsidy, "private_with_subsidy", "民办公助", "Private with public support";
        GovernmentPurchased, "government_purchased", "政府购买服务", "Service bought by the government";
        Entrusted, "entrusted", "委托经营", "Entrusted to an operator";
        SelfRun, "self_run", "自主运营", "Run by the owner";
    }
}

vocabulary! {
    /// A language spoken at the counter, named by its BCP 47 tag.
    Language {
        Mandarin, "zh", "普通话", "Mandarin";
        Wu, "wuu", "吴语", "Wu";
        Cantonese, "yue", "粤语", "Cantonese";
        SouthernMin, "nan", "闽南语", "Southern Min";
        Tibetan, "bo", "藏语", "Tibetan";
        Uyghur, "ug", "维吾尔语", "Uyghur";
        Mongolian, "mn", "蒙古语", "Mongolian";
        Zhuang, "za", "壮语", "Zhuang";
        Korean, "ko", "朝鲜语", "Korean";
        Japanese, "ja", "日语", "Japanese";
        English, "en", "英语", "English";
        ChineseSign, "csl", "中国手语", "Chinese Sign Language";
    }
}
